"""`sluice batches`: what to label next, and why."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from sluice.cli.arguments import Dataset, Json, NewId, Project, Seed
from sluice.cli.completion import completer
from sluice.cli.connection import connection
from sluice.cli.deletions import DryRun, show_deletion
from sluice.cli.output import ColumnNames, show, show_one
from sluice.cli.tables import ResourceCell
from sluice.resources.batches import BatchSettings
from sluice.resources.enums import word_of
from sluice.resources.kinds import BATCH
from sluice.v1 import batch_pb2

Batch = Annotated[
    str, typer.Argument(help="A batch: DATASET/ID, or its id.", autocompletion=completer(BATCH))
]


class CoverageOption(StrEnum):
    """The method that selects groups for coverage."""

    FACILITY = "facility"
    K_CENTER = "k_center"
    ZCORE = "zcore"


class TargetedOption(StrEnum):
    """The method that selects groups similar to failures."""

    JOINT = "joint"
    NEIGHBOURS = "neighbours"


def _state(batch: Any) -> str:
    return word_of(batch_pb2.Batch.State, "STATE_", batch.state)


def _source(pick: Any) -> str:
    return word_of(batch_pb2.Pick.Source, "SOURCE_", pick.source)


COLUMNS = [
    ("batch", lambda b: ResourceCell(b.name)),
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


def create_batch(
    context: typer.Context,
    dataset: Dataset,
    batch_id: NewId,
    count: Annotated[int | None, typer.Option(min=1, help="Number of groups.")] = None,
    fraction: Annotated[
        float | None, typer.Option(help="Share of the remaining groups; default 0.2, at least 10.")
    ] = None,
    coverage_share: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share for coverage; the rest is targeted. Default 0.3."),
    ] = None,
    coverage: Annotated[
        CoverageOption, typer.Option(help="The coverage method.")
    ] = CoverageOption.FACILITY,
    targeted: Annotated[
        TargetedOption, typer.Option(help="The targeting method.")
    ] = TargetedOption.JOINT,
    failures: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROUND[=WEIGHT]", help="A round whose failures to target; may be repeated."
        ),
    ] = None,
    scene_field: Annotated[
        str, typer.Option(help="Drive field; at most one group per drive.")
    ] = "",
    seed: Seed = 0,
    zcore_draws: Annotated[
        int, typer.Option(min=0, max=1_000_000, help="Points to draw; 0 means a million.")
    ] = 0,
    zcore_field: Annotated[str, typer.Option(help="The field that stores ZCore scores.")] = "zcore",
    override_golden: Annotated[
        str, typer.Option(metavar="REASON", help="Reason to go on despite a failed golden check.")
    ] = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """Select the groups to label next; the same options return the same batch.

    Example: sluice batches create DATASET next --count 20 --failures r1
    """
    settings = BatchSettings(
        count=count,
        fraction=fraction,
        coverage_share=coverage_share,
        coverage=coverage,
        targeted=targeted,
        seed=seed,
        failures=dict(map(_parse_weight, failures or [])),
        scene_field=scene_field,
        zcore_draws=zcore_draws,
        zcore_field=zcore_field,
        golden_override=override_golden,
    )
    with connection(context).client(project) as client:
        batch = client.batches.create(dataset, batch_id, settings)
        show_one(batch, DETAILS, to_json=json)


def show_batch(
    context: typer.Context, batch: Batch, project: Project = "", json: Json = False
) -> None:
    """Show one batch, with notes on how it was selected.

    Example: sluice batches show BATCH
    """
    with connection(context).client(project) as client:
        show_one(client.batches.get(batch), DETAILS, to_json=json)


def list_batches(
    context: typer.Context,
    dataset: Dataset,
    columns: ColumnNames = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """List the batches of a dataset.

    Example: sluice batches list DATASET
    """
    with connection(context).client(project) as client:
        show(client.batches.list(dataset), COLUMNS, to_json=json, names=columns)


def list_picks(
    context: typer.Context,
    batch: Batch,
    columns: ColumnNames = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """List the groups of a batch by rank, each with the reason for its pick.

    Example: sluice batches picks BATCH
    """
    with connection(context).client(project) as client:
        show(client.batches.picks(batch), PICKS, to_json=json, names=columns)


def delete_batch(
    context: typer.Context,
    batch: Batch,
    dry_run: DryRun = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Delete a batch with its picks and its view; frames keep their status and tags.

    Example: sluice batches delete BATCH --dry-run
    """
    with connection(context).client(project) as client:
        summary = client.batches.delete(batch, validate_only=dry_run)
        show_deletion(summary, to_json=json)


def _parse_weight(option: str) -> tuple[str, float]:
    round_, equals, weight = option.rpartition("=")
    try:
        return (round_, float(weight)) if equals else (option, 1)
    except ValueError as error:
        message = f"{option!r}: expected ROUND or ROUND=WEIGHT, the weight a number"
        raise typer.BadParameter(message, param_hint="--failures") from error
