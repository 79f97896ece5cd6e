"""What to do after an error: the command, or the method of the Python client, that helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sluice.errors import (
    AlreadyExists,
    NotFound,
    PermissionDenied,
    SluiceError,
    Unauthenticated,
)


@dataclass(frozen=True, slots=True)
class Listing:
    """How the resources of one kind are listed, on the command line and in Python.

    `{project}` is the id of the project, `{parent}` the name of the resource that has them.
    """

    command: str
    method: str


_LISTINGS: Final = {
    "projects": Listing("sluice projects list", "client.projects.list()"),
    "apiKeys": Listing(
        "sluice projects keys list -p {project}", "client.projects.api_keys('{parent}')"
    ),
    "datasets": Listing(
        "sluice datasets list -p {project}", "client.projects.datasets('{parent}')"
    ),
    "frames": Listing("sluice datasets frames {parent}", "client.datasets.frames('{parent}')"),
    "views": Listing("sluice views list {parent}", "client.datasets.views('{parent}')"),
    "rounds": Listing("sluice rounds list {parent}", "client.rounds.list('{parent}')"),
    "batches": Listing("sluice batches list {parent}", "client.batches.list('{parent}')"),
    "goldenSets": Listing(
        "sluice golden-sets list {parent}", "client.golden_sets.list('{parent}')"
    ),
    "checks": Listing(
        "sluice golden-sets history {parent}", "client.golden_sets.checks('{parent}')"
    ),
    "issues": Listing("sluice issues list -p {project}", "client.issues.list('{parent}')"),
    "campaigns": Listing("sluice campaigns list -p {project}", "client.campaigns.list('{parent}')"),
    "versions": Listing(
        "sluice campaigns versions {parent}", "client.campaigns.versions('{parent}')"
    ),
    "samples": Listing("sluice samples list {parent}", "client.samples.list('{parent}')"),
}
"""By the last collection of a resource name, such as `issues` of `projects/p/issues/i`."""

_ADMIN_KEY: Final = "sluiced keeps the admin's in its data folder, sluice-data/admin.key"
_NEW_KEY: Final = "the admin's key can create one with that scope"
_OTHER_ID: Final = "choose another id"


def command_step(error: SluiceError) -> str:
    """What to do on the command line after an error; "" if its message says it all."""
    match error:
        case NotFound() if listing := _listing_of(error):
            return f"see `{listing.command}`"
        case Unauthenticated():
            return f"use `sluice login`, or set SLUICE_API_KEY to a valid key; {_ADMIN_KEY}"
        case PermissionDenied(reason="SCOPE_MISSING") if _is_for_admin(error):
            return f"set SLUICE_API_KEY to that key; {_ADMIN_KEY}"
        case PermissionDenied(reason="SCOPE_MISSING"):
            project, scope = _missing_scope(error)
            return f"{_NEW_KEY}: `sluice projects keys create -p {project} --scope {scope}`"
        case PermissionDenied(reason="FOREIGN_PROJECT"):
            return "set SLUICE_API_KEY to a key of that project, or to the admin's"
        case AlreadyExists() if _is_of_new_id(error):
            return _OTHER_ID
    return error.next_step


def method_step(error: SluiceError) -> str:
    """What to do in Python after an error; "" if its message says it all."""
    match error:
        case NotFound() if listing := _listing_of(error):
            return f"see {listing.method}"
        case Unauthenticated():
            return f"pass a valid key to set_credentials, or set SLUICE_API_KEY; {_ADMIN_KEY}"
        case PermissionDenied(reason="SCOPE_MISSING") if _is_for_admin(error):
            return f"pass that key to set_credentials; {_ADMIN_KEY}"
        case PermissionDenied(reason="SCOPE_MISSING"):
            project, scope = _missing_scope(error)
            call = f"client.projects.create_api_key('projects/{project}', ['{scope}'])"
            return f"{_NEW_KEY}: {call}"
        case PermissionDenied(reason="FOREIGN_PROJECT"):
            return "use a key of that project, or the admin's"
        case AlreadyExists() if _is_of_new_id(error):
            return _OTHER_ID
    return ""


def _is_of_new_id(error: AlreadyExists) -> bool:
    """Whether the id of a resource that was to be created is taken, such as `project_id`."""
    return error.message.partition(":")[0].endswith("_id")


def _is_for_admin(error: PermissionDenied) -> bool:
    return "admin_only" in error.metadata


def _missing_scope(error: PermissionDenied) -> tuple[str, str]:
    """The project of a key, and the least scope that it lacks."""
    scopes = error.metadata.get("scope", "")
    return error.metadata.get("project") or "PROJECT", scopes.partition(",")[0] or "SCOPE"


def _listing_of(error: NotFound) -> Listing | None:
    """How to list the resources among which an error has missed one."""
    parts = error.metadata.get("name", "").split("/")
    listing = _LISTINGS.get(parts[-2]) if len(parts) % 2 == 0 else None
    if listing is None:
        return None
    values = {"project": parts[1], "parent": "/".join(parts[:-2])}
    return Listing(listing.command.format(**values), listing.method.format(**values))
