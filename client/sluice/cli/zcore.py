"""`sluice datasets zcore`: compute ZCore scores, and store them in a field of the frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sluice.cli.arguments import Dataset, Json, Project, Seed
from sluice.cli.connection import connection
from sluice.cli.filters import Failures, Fields, FilterOptions, RoundId, Splits, Statuses, Tags
from sluice.cli.json_output import as_json, print_json
from sluice.cli.output import console, stderr_console
from sluice.resources.enums import word_of
from sluice.v1 import dataset_frame_pb2 as pb


def zcore(
    context: typer.Context,
    dataset: Dataset,
    into: Annotated[str, typer.Option(help="The field that stores the scores.")] = "zcore",
    seed: Seed = 0,
    draws: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Number of points to draw.")
    ] = 1_000_000,
    neighbours: Annotated[
        int, typer.Option(min=1, max=10_000, help="Neighbours that a frame makes redundant.")
    ] = 1_000,
    statuses: Statuses = None,
    splits: Splits = None,
    tags: Tags = None,
    fields: Fields = None,
    round_id: RoundId = "",
    failures: Failures = None,
    view: Annotated[str, typer.Option(help="A saved view; replaces the filter options.")] = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """Score how much each frame covers and how little it repeats; store the scores in a field.

    Example: sluice datasets zcore DATASET --seed 7 --draws 100000
    """
    options = FilterOptions(statuses, splits, tags, fields, round_id, failures)
    with connection(context).client(project) as client, _bar(quiet=json) as update:
        progress = client.datasets.compute_zcore(
            dataset,
            None if view else options.to_proto(),
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
    text = f"{last.scored_count:,} frames have a score; {last.changed_count:,} scores changed"
    console.print(text, highlight=False)
    for note in last.notes:
        console.print(note, soft_wrap=True, highlight=False)


@contextmanager
def _bar(*, quiet: bool) -> Iterator[Callable[[pb.ComputeZcoreResponse], None]]:
    """A bar on stderr for each stage; it pulses while the total is unknown."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=stderr_console, disable=quiet) as bars:
        bar = bars.add_task("")

        def update(progress: pb.ComputeZcoreResponse) -> None:
            stage = word_of(pb.ComputeZcoreResponse.Stage, "STAGE_", progress.stage)
            if stage != bars.tasks[0].description:
                bars.reset(bar, description=stage)
            bars.update(bar, completed=progress.done, total=progress.total or None)

        yield update
