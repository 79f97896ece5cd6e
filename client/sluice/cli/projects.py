"""`sluice projects`: the tenants, and deletions in a whole project."""

from __future__ import annotations

from typing import Annotated

import typer

from sluice.cli.arguments import DisplayName, FrameIds, Json, NewId, Project
from sluice.cli.completion import completer
from sluice.cli.connection import connection
from sluice.cli.deletions import DryRun, show_deletion
from sluice.cli.output import ColumnNames, show, show_one
from sluice.cli.tables import ResourceCell
from sluice.resources.kinds import PROJECT

COLUMNS = [("project", lambda p: ResourceCell(p.name)), ("called", lambda p: p.display_name)]
LIST = [*COLUMNS, ("state", lambda p: "being deleted" if p.HasField("delete_time") else "")]


def list_projects(context: typer.Context, columns: ColumnNames = "", json: Json = False) -> None:
    """List the projects that the key can read.

    Example: sluice projects list
    """
    with connection(context).client() as client:
        show(client.projects.list(), LIST, to_json=json, names=columns)


def create_project(
    context: typer.Context,
    project_id: NewId,
    called: DisplayName = "",
    json: Json = False,
) -> None:
    """Create a project; needs the admin's key.

    Example: sluice projects create night-fleet --called "Night fleet"
    """
    with connection(context).client() as client:
        show_one(client.projects.create(project_id, called), COLUMNS, to_json=json)


def delete_project(
    context: typer.Context,
    project_id: Annotated[
        str,
        typer.Argument(metavar="PROJECT", help="The project.", autocompletion=completer(PROJECT)),
    ],
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete; there is no way back.")] = False,
    json: Json = False,
) -> None:
    """Delete a project with its keys and everything in it; needs the admin's key.

    Its id is never used again. Started again, the command completes a deletion that was
    interrupted.

    Example: sluice projects delete night-fleet --dry-run
    """
    if dry_run == yes:
        problem = "set either --dry-run, to see what would be deleted, or --yes, to delete it"
        raise typer.BadParameter(problem)
    with connection(context).client() as client:
        summary = client.projects.delete(project_id, validate_only=dry_run)
        show_deletion(summary, to_json=json)


def delete_frames(
    context: typer.Context,
    frame_ids: FrameIds,
    dry_run: DryRun = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Delete frames with all their copies in a project.

    They leave datasets, rounds, samples, issues, snapshots and scoring models, and their ids are
    never accepted again. Counts of funnels stay. Golden sets, recorded rounds and backgrounds keep
    what they have.

    Example: sluice projects delete-frames -p night-fleet FRAME --dry-run
    """
    with connection(context).client(project) as client:
        summary = client.datasets.delete_frames("", frame_ids, validate_only=dry_run)
        show_deletion(summary, to_json=json)
