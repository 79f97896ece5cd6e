"""`sluice datasets set-fields`: set and remove fields of frames."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from sluice.cli.arguments import Dataset, Json, Project
from sluice.cli.connection import connection
from sluice.cli.filters import parse_field
from sluice.cli.json_output import as_json
from sluice.cli.output import show_text
from sluice.cli.reviews import FrameIds, Preview
from sluice.client import CollectionClient
from sluice.errors import NotFound
from sluice.formats import Columns, open_source
from sluice.frames import MetadataValue

FRAMES_PER_CALL: Final = 1_000

FieldChanges = dict[str, dict[str, MetadataValue | None]]
"""New values of fields by frame id and field; None removes a field."""


def set_fields(
    context: typer.Context,
    dataset: Dataset,
    frame_ids: FrameIds = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A field to set; may be repeated."),
    ] = None,
    removed: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="NAME", help="A field to remove; may be repeated."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="A file of frames whose other columns are fields; missing values stay.",
        ),
    ] = None,
    dry_run: Preview = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Set fields of frames, to the same values or from a file.

    Example: sluice datasets set-fields DATASET FRAME --set weather=fog --dry-run
    """
    if bool(frame_ids) == (file is not None) or (file is None) != bool(values or removed):
        raise typer.BadParameter("expected frame ids with --set or --remove, or --from alone")
    fields = {**dict(map(parse_field, values or ())), **dict.fromkeys(removed or ())}
    with connection(context).client(project) as client:
        changes = _read_fields(file) if file else {id: dict(fields) for id in frame_ids or ()}
        name = client.names.dataset(dataset)
        if dry_run:
            changed = _count_changes(client, name, changes)
        else:
            changed = _set_in_parts(client, name, changes)
    text = f"{changed:,} of {len(changes):,} frames {'would change' if dry_run else 'changed'}"
    show_text(text, {"changed_count": changed, "dry_run": dry_run}, to_json=json)


def _read_fields(file: Path) -> FieldChanges:
    source = open_source(file, Columns.of([], []), embeddings_required=False)
    frames = (rows.frame(i) for rows in source.batches(FRAMES_PER_CALL) for i in range(len(rows)))
    return {frame.id: dict(frame.metadata) for frame in frames}


def _set_in_parts(client: CollectionClient, dataset: str, changes: FieldChanges) -> int:
    ids = list(changes)
    parts = [ids[start : start + FRAMES_PER_CALL] for start in range(0, len(ids), FRAMES_PER_CALL)]
    return sum(
        client.datasets.set_fields(dataset, {id: changes[id] for id in part}) for part in parts
    )


def _count_changes(client: CollectionClient, dataset: str, changes: FieldChanges) -> int:
    """The number of frames whose fields would change; raises NotFound naming an unknown frame."""
    stored = {
        f.frame.id: f.fields for f in client.datasets.frames(dataset) if f.frame.id in changes
    }
    if missing := sorted(changes.keys() - stored.keys()):
        raise NotFound(f"frame {missing[0]!r} is not one of {dataset}")
    return sum(_differs(stored[id], change) for id, change in changes.items())


def _differs(stored: Mapping[str, Any], change: Mapping[str, MetadataValue | None]) -> bool:
    values = {name: as_json(stored[name]) for name in stored}
    return any(values.get(name) != value for name, value in change.items())
