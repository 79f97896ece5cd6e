"""`sluice datasets zcore`: scores of how much each frame adds, stored with the frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sluice.cli import datasets
from sluice.cli.arguments import Dataset, Json
from sluice.cli.context import connection
from sluice.cli.filters import Chosen, Failures, Fields, OfRound, Splits, Statuses, Tags
from sluice.cli.output import as_json, complaints, console, print_json
from sluice.resources.enums import word_of
from sluice.v1 import dataset_frame_pb2 as pb

app = datasets.app


@app.command()
def zcore(
    context: typer.Context,
    dataset: Dataset,
    into: Annotated[str, typer.Option(help="The field to store scores in.")] = "zcore",
    seed: Annotated[int, typer.Option(min=0, help="The same seed, the same scores.")] = 0,
    draws: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Points that are drawn.")
    ] = 1_000_000,
    neighbours: Annotated[
        int, typer.Option(min=1, max=10_000, help="Rows that count as repeated by one.")
    ] = 1_000,
    statuses: Statuses = None,
    splits: Splits = None,
    tags: Tags = None,
    fields: Fields = None,
    of_round: OfRound = "",
    failures: Failures = None,
    view: Annotated[str, typer.Option(help="A saved view, in place of a filter.")] = "",
    json: Json = False,
) -> None:
    """Score how much each frame covers, and how little it repeats; a field of it has the score.

    Example: sluice datasets zcore DATASET --seed 7 --draws 100000
    """
    chosen = Chosen(statuses, splits, tags, fields, of_round, failures)
    with connection(context).client() as client, _bar(quiet=json) as update:
        progress = client.datasets.compute_zcore(
            dataset,
            None if view else chosen.filter(),
            view=view,
            field=into,
            seed=seed,
            draws=draws,
            neighbours=neighbours,
        )
        for last in progress:
            update(last)
    if json:
        print_json(as_json(last))
        return
    said = f"{last.scored_count:,} frames have a score, of {last.changed_count:,} it changed"
    console.print(said, highlight=False)
    for note in last.notes:
        console.print(note, soft_wrap=True, highlight=False)


@contextmanager
def _bar(*, quiet: bool) -> Iterator[Callable[[pb.ComputeZcoreResponse], None]]:
    """A bar on stderr for each stage in turn; one that does not know how far it is pulses."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=complaints, disable=quiet) as shown:
        bar = shown.add_task("")

        def update(progress: pb.ComputeZcoreResponse) -> None:
            stage = word_of(pb.ComputeZcoreResponse.Stage, "STAGE_", progress.stage)
            if stage != shown.tasks[0].description:
                shown.reset(bar, description=stage)
            shown.update(bar, completed=progress.done, total=progress.total or None)

        yield update
