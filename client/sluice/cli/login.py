"""`sluice login` and `logout`: keep target, API key and default project in a profile."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from sluice.cli.arguments import Json, Project
from sluice.cli.connection import Connection, connection
from sluice.cli.output import show_text
from sluice.client import CollectionClient
from sluice.names import ProjectName
from sluice.profiles import DEFAULT_PROFILE, Profile, remove_profile, save_profile

ProfileName = Annotated[
    str, typer.Option("--profile", help="The profile's name; default: `default`.")
]


def login(
    context: typer.Context,
    target: Annotated[str, typer.Option(help="The server's address.")] = "",
    profile: ProfileName = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """Check target and API key, and keep them in a profile with the default project.

    The key is that of --api-key-file or SLUICE_API_KEY, else it is asked for, or read from stdin.
    It is never printed.

    Example: sluice login --profile work --project night-fleet
    """
    options = connection(context)
    name = profile or options.profile or DEFAULT_PROFILE
    key = options.api_key or _read_key()
    new = Connection(target or options.target, key, name, may_be_new=True)
    with new.client(project) as client:
        project_id = _default_project(client, project)
        settings = new.settings()
        saved = Profile(settings.target, settings.api_key, project_id)
        file = save_profile(name, saved)
    document = {"profile": name, "target": saved.target, "project": project_id, "file": str(file)}
    text = f"profile {name}: {saved.target}, {_project_words(project_id)}; saved in {file}"
    show_text(text, document, to_json=json)


def logout(context: typer.Context, profile: ProfileName = "", json: Json = False) -> None:
    """Remove a profile, with its API key, from this machine; the key stays valid.

    Example: sluice logout --profile work
    """
    options = connection(context)
    name = profile or options.profile or DEFAULT_PROFILE
    with options.printing_errors():
        file = remove_profile(name)
    document = {"profile": name, "file": str(file)}
    show_text(f"removed profile {name} from {file}", document, to_json=json)


def _read_key() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("API key", hide_input=True, err=True)).strip()
    return sys.stdin.readline().strip()


def _default_project(client: CollectionClient, project: str) -> str:
    """The id of the given project, else of the only one; "" if there are several or none."""
    if project:
        return ProjectName.parse(client.names.project(project)).project
    projects = client.names.usable_projects()
    return projects[0].id if len(projects) == 1 else ""


def _project_words(project: str) -> str:
    return f"project {project}" if project else "no default project: use -p, or log in with one"
