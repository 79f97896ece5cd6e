"""`sluice projects`: the tenants, and the keys that open them."""

from __future__ import annotations

from datetime import UTC
from enum import StrEnum
from typing import Annotated, Any

import typer

from sluice.cli.arguments import Json, Project
from sluice.cli.context import connection, project_name
from sluice.cli.output import say, show, show_one
from sluice.v1 import project_pb2

app = typer.Typer(help="Projects, and the keys that open them.", no_args_is_help=True)
keys = typer.Typer(help="API keys of a project.", no_args_is_help=True)
app.add_typer(keys, name="keys")


class Scope(StrEnum):
    """What a key may do."""

    LOG = "log"
    REVIEW = "review"
    ADMIN = "admin"


def _scopes(key: Any) -> str:
    names = (project_pb2.Scope.Name(scope) for scope in key.scopes)
    return ", ".join(name.removeprefix("SCOPE_").lower() for name in names)


COLUMNS = [("project", lambda p: p.name), ("called", lambda p: p.display_name)]
KEYS = [
    ("key", lambda k: k.name),
    ("called", lambda k: k.display_name),
    ("scopes", _scopes),
    ("created", lambda k: f"{k.create_time.ToDatetime(UTC):%Y-%m-%d %H:%M} UTC"),
]


@app.command("list")
def list_projects(context: typer.Context, json: Json = False) -> None:
    """List the projects that the key may see.

    Example: sluice projects list
    """
    with connection(context).client() as client:
        show(client.projects.list(), COLUMNS, to_json=json)


@app.command()
def create(
    context: typer.Context,
    project: Annotated[str, typer.Argument(help="The id: a-z, 0-9 and -.")],
    called: Annotated[str, typer.Option(help="A name for people.")] = "",
    json: Json = False,
) -> None:
    """Create a project; needs the admin's key.

    Example: sluice projects create night-fleet --called "Night fleet"
    """
    with connection(context).client() as client:
        show_one(client.projects.create(project, called), COLUMNS, to_json=json)


@keys.command("create")
def create_key(
    context: typer.Context,
    project: Project,
    scope: Annotated[list[Scope], typer.Option(help="What it may do; may be repeated.")],
    called: Annotated[str, typer.Option(help="Who uses it.")] = "",
    json: Json = False,
) -> None:
    """Create an API key; its secret is printed once.

    Example: sluice projects keys create -p night-fleet --scope log --called "car 7"
    """
    with connection(context).client() as client:
        secret = client.projects.create_api_key(project_name(project), scope, called)
    say(secret, {"secret": secret}, to_json=json)


@keys.command("list")
def list_keys(context: typer.Context, project: Project, json: Json = False) -> None:
    """List the keys of a project, without their secrets.

    Example: sluice projects keys list -p night-fleet
    """
    with connection(context).client() as client:
        show(client.projects.api_keys(project_name(project)), KEYS, to_json=json)


@keys.command("delete")
def delete_key(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="projects/…/apiKeys/…")],
    json: Json = False,
) -> None:
    """Revoke a key at once.

    Example: sluice projects keys delete KEY
    """
    with connection(context).client() as client:
        client.projects.delete_api_key(key)
    say(f"{key} is revoked", {"name": key}, to_json=json)
