"""`sluice golden-sets`: check whether labels can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sluice.cli.arguments import (
    ClassMap,
    Dataset,
    DisplayName,
    Json,
    NewId,
    Project,
    parse_class_map,
)
from sluice.cli.completion import completer
from sluice.cli.connection import connection
from sluice.cli.deletions import DryRun, show_deletion
from sluice.cli.exit_codes import ExitCode
from sluice.cli.json_output import as_json, print_json
from sluice.cli.output import ColumnNames, cell, console, show, show_one
from sluice.cli.skipped_labels import SkippedLabels
from sluice.cli.tables import ResourceCell
from sluice.formats.coco import read_coco
from sluice.resources.kinds import GOLDEN_SET
from sluice.v1 import frame_pb2, golden_set_pb2

GoldenSet = Annotated[
    str,
    typer.Argument(
        help="A golden set: DATASET/ID, or its id or display name.",
        autocompletion=completer(GOLDEN_SET),
    ),
]
Check = Annotated[str, typer.Argument(help="A check: GOLDEN_SET/ID, or its id or the start.")]
Coco = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="COCO annotations.")]
FrameIdField = Annotated[
    str, typer.Option("--frame-id", help="The field of COCO's images that holds the frame's id.")
]


def _task(golden_set: Any) -> str:
    return frame_pb2.TaskType.Name(golden_set.task_type).removeprefix("TASK_TYPE_").lower()


def _verdict(check: Any) -> str:
    name = golden_set_pb2.GoldenVerdict.Name(check.verdict).removeprefix("GOLDEN_VERDICT_").lower()
    return f"{name}, overridden" if check.HasField("override") else name


def _counts(summary: Any) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(summary.class_counts.items()))


def _other_classes(message: Any) -> str:
    """Classes that are not in the class map, with the classes that they may stand for."""
    suggestions = message.suggested_classes
    return ", ".join(
        f"{count} {name}" + (f" (did you mean {suggestions[name]}?)" if name in suggestions else "")
        for name, count in sorted(message.other_classes.items())
    )


def _override(check: Any) -> str:
    if not check.HasField("override"):
        return ""
    override = check.override
    by = override.decided_by or f"API key {override.api_key_id}"
    return f"{override.reason} ({by}, {override.create_time.ToJsonString()})"


def _findings(check: Any) -> str:
    return "; ".join(finding.reason for finding in check.details.findings)


def _share(share: Any) -> str:
    if not share.total:
        return ""
    value, interval = share.count / share.total, share.interval
    return f"{value:.1%} ({interval.low:.1%} to {interval.high:.1%})"


def _iou(check: Any) -> str:
    agreement = check.details.agreement
    return f"{agreement.mean_iou:.3f}" if agreement.HasField("mean_iou") else ""


SETS = [
    ("golden set", lambda g: ResourceCell(g.name)),
    ("called", lambda g: g.display_name),
    ("task", _task),
    ("images", lambda g: g.image_count),
    ("labels", lambda g: g.label_count),
    ("classes", lambda g: ", ".join(g.classes)),
    ("other classes", _other_classes),
]
HISTORY = [
    ("check", lambda c: ResourceCell(c.name)),
    ("round", lambda c: c.round),
    ("annotator", lambda c: c.annotator),
    ("verdict", _verdict),
    ("images", lambda c: c.summary.images),
    ("labels", lambda c: c.summary.detections),
    ("reason", lambda c: c.reason),
]
MORE_OF_HISTORY = [
    ("schema", lambda c: c.schema_version),
    ("guideline", lambda c: c.guideline_version),
    ("with labels", lambda c: c.summary.images_with_labels),
    ("per image", lambda c: f"{c.summary.detections_per_image:.2f}"),
    ("not counted", lambda c: c.summary.other_labels or ""),
]
DETAILS = [
    *HISTORY,
    *MORE_OF_HISTORY,
    ("overridden", _override),
    ("findings", _findings),
    ("missing", lambda c: c.missing_count),
    ("golden labels", lambda c: _counts(c.details.reference)),
    ("round's labels", lambda c: _counts(c.summary)),
    ("other classes", lambda c: _other_classes(c.details)),
    ("crowds", lambda c: c.summary.crowds or ""),
    ("precision", lambda c: _share(c.details.agreement.precision)),
    ("recall", lambda c: _share(c.details.agreement.recall)),
    ("mean overlap", _iou),
]
GATE = [
    ("golden set", lambda c: ResourceCell(c.name.partition("/checks/")[0])),
    *HISTORY,
]


def create_golden_set(
    context: typer.Context,
    dataset: Dataset,
    golden_set_id: NewId,
    file: Coco,
    frame_id_field: FrameIdField = "file_name",
    class_map: ClassMap = None,
    called: DisplayName = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """Create a golden set from a COCO file; it never changes.

    Example: sluice golden-sets create DATASET vans golden.json
    """
    skipped = SkippedLabels()
    renamed = parse_class_map(class_map)
    with connection(context).client(project) as client:
        golden_set = client.golden_sets.create(
            dataset,
            golden_set_id,
            read_coco(
                file,
                frame_id=frame_id_field,
                on_skip=skipped.add,
                on_clip=skipped.clipped.add,
            ),
            display_name=called,
            class_map=renamed,
        )
    skipped.show()
    show_one(golden_set, SETS, to_json=json)


def list_golden_sets(
    context: typer.Context,
    dataset: Dataset,
    columns: ColumnNames = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """List the golden sets of a dataset.

    Example: sluice golden-sets list DATASET
    """
    with connection(context).client(project) as client:
        show(client.golden_sets.list(dataset), SETS, to_json=json, names=columns)


def check(
    context: typer.Context,
    golden_set: GoldenSet,
    file: Coco,
    round_number: Annotated[int, typer.Option("--round", min=0, help="The round's number.")],
    annotator: Annotated[str, typer.Option(help="The annotator.")],
    schema: Annotated[str, typer.Option(help="The version of the label schema.")] = "1",
    guideline: Annotated[str, typer.Option(help="The version of the guideline.")] = "1",
    frame_id_field: FrameIdField = "file_name",
    class_map: ClassMap = None,
    project: Project = "",
    json: Json = False,
) -> None:
    """Compare a round's COCO file with a golden set; the verdict is kept.

    A round without any golden image is rejected. Exit code 7: the check failed, and the next batch
    is blocked.

    Example: sluice golden-sets check GOLDEN_SET round-1.json --round 1 --annotator acme
    """
    skipped = SkippedLabels()
    renamed = parse_class_map(class_map)
    with connection(context).client(project) as client:
        response = client.golden_sets.check(
            golden_set,
            read_coco(
                file,
                frame_id=frame_id_field,
                on_skip=skipped.add,
                on_clip=skipped.clipped.add,
            ),
            round_number=round_number,
            schema_version=schema,
            annotator=annotator,
            guideline_version=guideline,
            class_map=renamed,
        )
    skipped.show()
    if json:
        print_json(as_json(response))
    else:
        show_one(response.check, DETAILS, to_json=False)
    _exit_if(blocked=response.check.blocks)


def history(
    context: typer.Context,
    golden_set: GoldenSet,
    columns: ColumnNames = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """List the checks of a golden set by round.

    Example: sluice golden-sets history GOLDEN_SET
    """
    with connection(context).client(project) as client:
        show(
            client.golden_sets.checks(golden_set),
            HISTORY,
            to_json=json,
            more=MORE_OF_HISTORY,
            names=columns,
        )


def show_check(
    context: typer.Context, check: Check, project: Project = "", json: Json = False
) -> None:
    """Show a check, with all its counts and findings.

    Example: sluice golden-sets show CHECK
    """
    with connection(context).client(project) as client:
        show_one(client.golden_sets.get_check(check), DETAILS, to_json=json)


def override_check(
    context: typer.Context,
    check: Check,
    reason: Annotated[str, typer.Option(help="The reason; it is kept.")],
    by: Annotated[str, typer.Option(help="Who decides; it is kept.")] = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """Override a failed check, so that it blocks nothing.

    Example: sluice golden-sets override CHECK --reason "the guideline changed" --by Ada
    """
    with connection(context).client(project) as client:
        overridden = client.golden_sets.override(check, reason, decided_by=by)
    show_one(overridden, DETAILS, to_json=json)


def gate(
    context: typer.Context, dataset: Dataset, project: Project = "", json: Json = False
) -> None:
    """Show whether the next batch of a dataset is blocked, and by which check.

    Exit code 7: it is blocked.

    Example: sluice golden-sets gate DATASET
    """
    with connection(context).client(project) as client:
        response = client.golden_sets.gate(dataset)
    if json:
        print_json(as_json(response))
    else:
        state = "blocked" if response.blocked else "open"
        console.print(cell(f"{state}: {response.reason}"), soft_wrap=True)
        show(response.checks, GATE, to_json=False)
    _exit_if(blocked=response.blocked)


def delete_golden_set(
    context: typer.Context,
    golden_set: GoldenSet,
    dry_run: DryRun = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Delete a golden set with its images and its checks, which block nothing any more.

    Example: sluice golden-sets delete GOLDEN_SET --dry-run
    """
    with connection(context).client(project) as client:
        summary = client.golden_sets.delete(golden_set, validate_only=dry_run)
        show_deletion(summary, to_json=json)


def _exit_if(*, blocked: bool) -> None:
    if blocked:
        raise typer.Exit(ExitCode.BLOCKED)
