"""`sluice projects list` and `create`."""

from __future__ import annotations

import typer

from sluice.cli.arguments import DisplayName, Json, NewId
from sluice.cli.connection import connection
from sluice.cli.output import show, show_one

COLUMNS = [("project", lambda p: p.name), ("called", lambda p: p.display_name)]


def list_projects(context: typer.Context, json: Json = False) -> None:
    """List the projects that the key can read.

    Example: sluice projects list
    """
    with connection(context).client() as client:
        show(client.projects.list(), COLUMNS, to_json=json)


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
