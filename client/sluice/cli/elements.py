"""`sluice issues remove-elements`: take frames and crops out of an issue."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from sluice.cli.arguments import Issue, Json, Project
from sluice.cli.connection import connection
from sluice.cli.output import show_text
from sluice.cli.reviews import FrameIds, FrameIdsFile, Preview
from sluice.errors import NotFound
from sluice.formats.frame_ids import read_frame_ids

ELEMENTS_PER_CALL: Final = 1_000


def remove_elements(
    context: typer.Context,
    issue: Issue,
    frame_ids: FrameIds = None,
    file: FrameIdsFile = None,
    crops: Annotated[
        list[str] | None,
        typer.Option(
            "--crop", metavar="LABEL_ID", help="Only the crop of this label; may be repeated."
        ),
    ] = None,
    dry_run: Preview = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Remove the elements of frames from an issue, crops included; committed versions stay.

    Example: sluice issues remove-elements ISSUE hard-8 --dry-run
    """
    if bool(frame_ids) == (file is not None):
        raise typer.BadParameter("exactly one is required: frame ids or --from")
    with connection(context).client(project) as client:
        ids = {*(read_frame_ids(file) if file else frame_ids or ())}
        name = client.names.issue(issue)
        elements = [(e.frame.id, e.label_id) for e in client.issues.elements(name)]
        if missing := sorted(ids - {frame_id for frame_id, _ in elements}):
            raise NotFound(
                f"frame_ids: {missing[0]!r} has no element in {name}; "
                f"see `sluice issues elements {name}`"
            )
        keys = [key for key in elements if key[0] in ids and (not crops or key[1] in crops)]
        if unknown := sorted({*(crops or ())} - {label_id for _, label_id in keys}):
            raise NotFound(
                f"crop: these frames have no element {unknown[0]!r} in {name}; "
                f"see `sluice issues elements {name}`"
            )
        if not dry_run:
            for start in range(0, len(keys), ELEMENTS_PER_CALL):
                client.issues.remove_elements(name, keys[start : start + ELEMENTS_PER_CALL])
    text = f"{len(keys):,} of {len(elements):,} elements {'would be ' if dry_run else ''}removed"
    show_text(text, {"removed_count": len(keys), "dry_run": dry_run}, to_json=json)
