"""`sluice projects keys`: the API keys of a project."""

from __future__ import annotations

from datetime import UTC
from enum import StrEnum
from typing import Annotated, Any

import typer

from sluice.cli.arguments import Json, Project
from sluice.cli.connection import connection
from sluice.cli.output import ColumnNames, show, show_text
from sluice.cli.tables import ResourceCell
from sluice.resources.kinds import API_KEY
from sluice.v1 import project_pb2


class ScopeOption(StrEnum):
    """What a key is allowed to do."""

    LOG = "log"
    REVIEW = "review"
    ADMIN = "admin"


def _scopes(key: Any) -> str:
    names = (project_pb2.Scope.Name(scope) for scope in key.scopes)
    return ", ".join(name.removeprefix("SCOPE_").lower() for name in names)


COLUMNS = [
    ("key", lambda k: ResourceCell(k.name)),
    ("called", lambda k: k.display_name),
    ("scopes", _scopes),
    ("created", lambda k: f"{k.create_time.ToDatetime(UTC):%Y-%m-%d %H:%M} UTC"),
]


def create_key(
    context: typer.Context,
    scope: Annotated[list[ScopeOption], typer.Option(help="A scope of the key; may be repeated.")],
    called: Annotated[str, typer.Option(help="A display name, such as who uses it.")] = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """Create an API key; its secret is printed once.

    Example: sluice projects keys create -p night-fleet --scope log --called "car 7"
    """
    with connection(context).client(project) as client:
        secret = client.projects.create_api_key("", scope, called)
    show_text(secret, {"secret": secret}, to_json=json)


def list_keys(
    context: typer.Context, columns: ColumnNames = "", project: Project = "", json: Json = False
) -> None:
    """List the keys of a project, without their secrets.

    Example: sluice projects keys list -p night-fleet
    """
    with connection(context).client(project) as client:
        show(client.projects.api_keys(), COLUMNS, to_json=json, names=columns)


def delete_key(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="A key: id or its start, or display name.")],
    project: Project = "",
    json: Json = False,
) -> None:
    """Revoke a key at once.

    Example: sluice projects keys delete KEY
    """
    with connection(context).client(project) as client:
        name = client.names.find(API_KEY, key)
        client.projects.delete_api_key(name)
    show_text(f"revoked {name}", {"name": name}, to_json=json)
