"""`sluice batch`: what to label next, and why."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from sluice.cli.arguments import Dataset, Json
from sluice.cli.context import connection
from sluice.cli.output import show, show_one
from sluice.resources.batches import BatchSettings
from sluice.resources.enums import word_of
from sluice.v1 import batch_pb2

app = typer.Typer(help="Batches: what to label next, and why.", no_args_is_help=True)

Batch = Annotated[str, typer.Argument(help="projects/…/datasets/…/batches/…")]


class Coverage(StrEnum):
    """How groups are chosen that cover what is not covered yet."""

    FACILITY = "facility"
    K_CENTER = "k_center"
    ZCORE = "zcore"


class Targeted(StrEnum):
    """How groups are chosen that are like failures."""

    JOINT = "joint"
    NEIGHBOURS = "neighbours"


def _state(batch: Any) -> str:
    return word_of(batch_pb2.Batch.State, "STATE_", batch.state)


def _source(pick: Any) -> str:
    return word_of(batch_pb2.Pick.Source, "SOURCE_", pick.source)


COLUMNS = [
    ("batch", lambda b: b.name),
    ("state", _state),
    ("groups", lambda b: f"{b.coverage_count + b.targeted_count:,} of {b.size:,}"),
    ("coverage", lambda b: f"{b.coverage_count:,}"),
    ("targeted", lambda b: f"{b.targeted_count:,}"),
    ("remained", lambda b: f"{b.remaining_count:,}"),
]
DETAILS = [
    *COLUMNS,
    ("seed", lambda b: b.seed),
    ("failures of", lambda b: ", ".join(f"{f.round} ({f.weight:g})" for f in b.failures)),
    ("golden checks", lambda b: b.golden_problem),
    ("overridden", lambda b: b.golden_override),
    ("notes", lambda b: " ".join(b.notes)),
]
PICKS = [
    ("rank", lambda p: p.rank),
    ("group", lambda p: p.group),
    ("source", _source),
    ("gain", lambda p: f"{p.gain:.3g}"),
    ("like", lambda p: p.failure_frame_id),
    ("frames", lambda p: ", ".join(p.frame_ids)),
]


@app.command()
def create(
    context: typer.Context,
    dataset: Dataset,
    batch_id: Annotated[str, typer.Argument(help="The id: a-z, 0-9 and -.")],
    count: Annotated[int | None, typer.Option(min=1, help="How many groups.")] = None,
    fraction: Annotated[
        float | None, typer.Option(help="Of the groups that remain; default 0.2, at least 10.")
    ] = None,
    coverage_share: Annotated[
        float | None, typer.Option(min=0, max=1, help="The rest is targeted; default 0.3.")
    ] = None,
    coverage: Annotated[Coverage, typer.Option(help="How it is covered.")] = Coverage.FACILITY,
    targeted: Annotated[Targeted, typer.Option(help="How it is targeted.")] = Targeted.JOINT,
    failures: Annotated[
        list[str] | None,
        typer.Option(metavar="ROUND[=WEIGHT]", help="Whose failures; may be repeated."),
    ] = None,
    scene_field: Annotated[
        str, typer.Option(help="A field by which frames are of one drive: one group of each.")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same batch.")] = 0,
    zcore_draws: Annotated[int, typer.Option(min=0, max=1_000_000, help="0: a million.")] = 0,
    zcore_field: Annotated[str, typer.Option(help="Where ZCore scores are stored.")] = "zcore",
    override_golden: Annotated[
        str, typer.Option(metavar="REASON", help="Why a failed golden check shall not block.")
    ] = "",
    json: Json = False,
) -> None:
    """Choose what to label next; again with the same options, it is the same batch.

    Example: sluice batch create DATASET next --count 20 --failures r1
    """
    settings = BatchSettings(
        count=count,
        fraction=fraction,
        coverage_share=coverage_share,
        coverage=coverage,
        targeted=targeted,
        seed=seed,
        failures=dict(map(_weighed, failures or [])),
        scene_field=scene_field,
        zcore_draws=zcore_draws,
        zcore_field=zcore_field,
        golden_override=override_golden,
    )
    with connection(context).client() as client:
        made = client.batches.create(dataset, batch_id, settings)
        show_one(made, DETAILS, to_json=json)


@app.command("show")
def show_batch(context: typer.Context, batch: Batch, json: Json = False) -> None:
    """Show one batch, and what did not go as asked.

    Example: sluice batch show BATCH
    """
    with connection(context).client() as client:
        show_one(client.batches.get(batch), DETAILS, to_json=json)


@app.command("list")
def list_batches(context: typer.Context, dataset: Dataset, json: Json = False) -> None:
    """List the batches of a dataset.

    Example: sluice batch list DATASET
    """
    with connection(context).client() as client:
        show(client.batches.list(dataset), COLUMNS, to_json=json)


@app.command()
def picks(context: typer.Context, batch: Batch, json: Json = False) -> None:
    """List the groups of a batch by rank, each with why it was picked.

    Example: sluice batch picks BATCH
    """
    with connection(context).client() as client:
        show(client.batches.picks(batch), PICKS, to_json=json)


def _weighed(option: str) -> tuple[str, float]:
    round_id, _, weight = option.partition("=")
    try:
        return round_id, float(weight or 1)
    except ValueError as error:
        problem = f"{option!r} is no round, nor ROUND=WEIGHT with a number"
        raise typer.BadParameter(problem, param_hint="--failures") from error
