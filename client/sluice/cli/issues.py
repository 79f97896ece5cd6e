"""`sluice issues`: the hard cases."""

from __future__ import annotations

from typing import Annotated

import typer

from sluice.cli.arguments import Issue, Json, Model, Project
from sluice.cli.connection import connection
from sluice.cli.deletions import DryRun, show_deletion
from sluice.cli.frame_columns import frame_columns
from sluice.cli.frame_files import (
    ColumnMapping,
    FramesFile,
    IdsAsText,
    Metadata,
    SkipBadRows,
    SkippedFile,
    TimeZone,
    parse_frame_files,
)
from sluice.cli.output import ColumnNames, show, show_one
from sluice.cli.tables import ResourceCell

COLUMNS = [
    ("issue", lambda i: ResourceCell(i.name)),
    ("called", lambda i: i.display_name),
    ("elements", lambda i: i.element_count),
    ("embeddings", lambda i: f"{i.model_id} ({i.dimension})" if i.model_id else ""),
]
MORE = [("dataset", lambda i: ResourceCell(i.dataset))]
ELEMENTS = [("frame", lambda e: e.frame.id), ("crop", lambda e: e.label_id)]
MORE_OF_ELEMENTS = frame_columns(lambda e: e.frame)
_ELEMENTS_PER_CALL = 512


def list_issues(
    context: typer.Context, columns: ColumnNames = "", project: Project = "", json: Json = False
) -> None:
    """List the issues of a project.

    Example: sluice issues list -p night-fleet
    """
    with connection(context).client(project) as client:
        show(client.issues.list(), COLUMNS, to_json=json, more=MORE, names=columns)


def create_issue(
    context: typer.Context,
    called: Annotated[str, typer.Argument(help="The display name.")],
    dataset: Annotated[str, typer.Option(help="The dataset of its elements.")],
    project: Project = "",
    json: Json = False,
) -> None:
    """Create an issue without elements.

    Example: sluice issues create -p night-fleet "Vans in fog" --dataset street
    """
    with connection(context).client(project) as client:
        issue = client.issues.create("", called, dataset)
    show_one(issue, COLUMNS, to_json=json)


def show_issue(
    context: typer.Context, issue: Issue, project: Project = "", json: Json = False
) -> None:
    """Show one issue.

    Example: sluice issues show ISSUE
    """
    with connection(context).client(project) as client:
        show_one(client.issues.get(issue), COLUMNS, to_json=json)


def rename_issue(
    context: typer.Context,
    issue: Issue,
    called: Annotated[str, typer.Argument(help="The display name.")],
    project: Project = "",
    json: Json = False,
) -> None:
    """Change the display name of an issue; its resource name stays.

    Example: sluice issues rename ISSUE "Vans in fog and rain"
    """
    with connection(context).client(project) as client:
        show_one(client.issues.rename(issue, called), COLUMNS, to_json=json)


def add_elements(
    context: typer.Context,
    issue: Issue,
    file: FramesFile,
    model_id: Model,
    mapping: ColumnMapping = None,
    metadata: Metadata = None,
    ids_as_text: IdsAsText = False,
    timezone: TimeZone = "",
    skip_bad_rows: SkipBadRows = False,
    skipped_file: SkippedFile = None,
    project: Project = "",
    json: Json = False,
) -> None:
    """Add the frames of a file to an issue; unchanged elements are skipped.

    Example: sluice issues add-elements ISSUE hard.npz --model-id resnet50-v2
    """
    files = parse_frame_files(
        file, mapping, metadata, ids_as_text, timezone, skip_bad_rows, skipped_file
    )
    with connection(context).client(project) as client, files.reading() as source:
        updated = client.issues.get(issue)
        for rows in source.batches(_ELEMENTS_PER_CALL):
            frames = [rows.frame(index) for index in range(len(rows))]
            vectors = rows.embeddings
            updated = client.issues.add_elements(updated.name, frames, vectors, model_id=model_id)
    show_one(updated, COLUMNS, to_json=json)


def list_elements(
    context: typer.Context,
    issue: Issue,
    columns: ColumnNames = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """List the elements of an issue.

    Example: sluice issues elements ISSUE
    """
    with connection(context).client(project) as client:
        show(
            client.issues.elements(issue),
            ELEMENTS,
            to_json=json,
            more=MORE_OF_ELEMENTS,
            names=columns,
        )


def delete_issue(
    context: typer.Context,
    issue: Issue,
    dry_run: DryRun = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Delete an issue and its elements; committed versions stay.

    Example: sluice issues delete ISSUE --dry-run
    """
    with connection(context).client(project) as client:
        summary = client.issues.delete(issue, validate_only=dry_run)
        show_deletion(summary, to_json=json)
