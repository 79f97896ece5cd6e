"""`sluice datasets append`: the frames of a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from sluice.append_file import AppendCounts, Placement, ReadOptions, append_file
from sluice.cli.append_progress import append_bar
from sluice.cli.arguments import ClassMap, Dataset, Json, Project, parse_class_map
from sluice.cli.connection import connection
from sluice.cli.filters import SplitOption, StatusOption
from sluice.cli.frame_files import (
    ColumnMapping,
    FrameFiles,
    IdsAsText,
    LabelledFramesFile,
    Metadata,
    SkipBadRows,
    SkippedFile,
    TimeZone,
    parse_frame_files,
)
from sluice.cli.output import show_text, stderr_console
from sluice.cli.skipped_labels import SkippedLabels


def append(
    context: typer.Context,
    dataset: Dataset,
    file: LabelledFramesFile,
    model_id: Annotated[
        str, typer.Option(help="The embedding model; required for a file with embeddings.")
    ] = "",
    group: Annotated[str, typer.Option(help="The column that holds the scene.")] = "",
    slice_: Annotated[
        str, typer.Option("--slice", help="The column that holds the slice of the scene.")
    ] = "",
    status: Annotated[
        StatusOption | None,
        typer.Option(
            help="The status of the groups; a later one stays. Default: new groups are unlabelled."
        ),
    ] = None,
    split: Annotated[
        SplitOption, typer.Option(help="The split of the groups; it must not change.")
    ] = SplitOption.NONE,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Remove what the file does not state of existing frames."),
    ] = False,
    class_map: ClassMap = None,
    mapping: ColumnMapping = None,
    metadata: Metadata = None,
    ids_as_text: IdsAsText = False,
    timezone: TimeZone = "",
    skip_bad_rows: SkipBadRows = False,
    skipped_file: SkippedFile = None,
    project: Project = "",
    json: Json = False,
) -> None:
    """Append the frames of a file; frames that exist are merged.

    What the file states of a frame is set, everything else stays: a COCO file sets labels and sizes
    of images, other files set what they have columns for. Columns without another use become
    fields.

    Example: sluice datasets append DATASET corpus.parquet --model-id resnet50-v2
    """
    files = parse_frame_files(
        file, mapping, metadata, ids_as_text, timezone, skip_bad_rows, skipped_file
    )
    skipped, renamed = SkippedLabels(), parse_class_map(class_map)
    reading = _reading(files, skipped, renamed, quiet=json)
    with connection(context).client(project) as client, reading as options:
        counts = append_file(
            client.datasets,
            client.names.dataset(dataset),
            file,
            files.columns,
            model_id=model_id,
            placement=Placement(group, slice_, status or "", split),
            replace=replace,
            options=options,
        )
    _show_append(counts, skipped, files, status, to_json=json)


@contextmanager
def _reading(
    files: FrameFiles, skipped: SkippedLabels, class_map: dict[str, str], *, quiet: bool
) -> Iterator[ReadOptions]:
    """How the file is read, with a progress bar and notes on stderr."""
    with files.noting() as on_passed_over, append_bar(quiet=quiet) as on_progress:
        yield ReadOptions(
            class_map=class_map,
            skipped=files.skipped,
            on_skip=skipped.add,
            on_clip=skipped.clipped.add,
            on_passed_over=on_passed_over,
            on_progress=on_progress,
        )


def _show_append(
    counts: AppendCounts,
    skipped: SkippedLabels,
    files: FrameFiles,
    status: StatusOption | None,
    *,
    to_json: bool,
) -> None:
    if counts.kept_status:
        stderr_console.print(
            f"groups that keep a status later than {status}: {counts.kept_status:,}; to move them "
            "back, use `sluice datasets status … --allow-backward`",
            soft_wrap=True,
        )
    skipped.show()
    document = {
        "added": counts.added,
        "changed": counts.changed,
        "unchanged": counts.unchanged,
        "kept_status": counts.kept_status,
        "deleted": counts.deleted,
        "skipped_labels": skipped.count,
        "clipped_labels": skipped.clipped.count,
        "skipped_rows": files.skipped_count,
    }
    text = f"{counts.added:,} added, {counts.changed:,} changed, {counts.unchanged:,} unchanged"
    if counts.deleted:
        text += f", {counts.deleted:,} skipped: they were deleted"
    show_text(text, document, to_json=to_json)
