"""Each error names the command, and the method, that help on."""

from __future__ import annotations

import pytest
import typer.main

from sluice.cli.app import app
from sluice.client import CollectionClient
from sluice.errors import (
    Aborted,
    AlreadyExists,
    NotFound,
    PermissionDenied,
    SluiceError,
    Unauthenticated,
)
from sluice.next_steps import _LISTINGS, command_step, method_step

ISSUE = NotFound.of("projects/p/issues/i")
ADMIN_KEY = "sluiced keeps the admin's in its data folder, sluice-data/admin.key"
NEW_KEY = "the admin's key can create one with that scope"
SAMPLE = NotFound.of("projects/p/campaigns/c/samples/f%2F1")


@pytest.mark.parametrize(
    ("error", "command", "method"),
    [
        (ISSUE, "see `sluice issues list -p p`", "see client.issues.list('projects/p')"),
        (
            SAMPLE,
            "see `sluice samples list projects/p/campaigns/c`",
            "see client.samples.list('projects/p/campaigns/c')",
        ),
        (
            NotFound.of("projects/p"),
            "see `sluice projects list`",
            "see client.projects.list()",
        ),
        (
            Unauthenticated("authorization: unknown"),
            f"use `sluice login`, or set SLUICE_API_KEY to a valid key; {ADMIN_KEY}",
            f"pass a valid key to set_credentials, or set SLUICE_API_KEY; {ADMIN_KEY}",
        ),
        (
            PermissionDenied(
                "key k lacks the scope", metadata={"scope": "review, admin", "project": "p"}
            ),
            f"{NEW_KEY}: `sluice projects keys create -p p --scope review`",
            f"{NEW_KEY}: client.projects.create_api_key('projects/p', ['review'])",
        ),
        (
            PermissionDenied("only the admin's key", metadata={"admin_only": "true"}),
            f"set SLUICE_API_KEY to that key; {ADMIN_KEY}",
            f"pass that key to set_credentials; {ADMIN_KEY}",
        ),
        (
            PermissionDenied("limited to project p", reason="FOREIGN_PROJECT"),
            "set SLUICE_API_KEY to a key of that project, or to the admin's",
            "use a key of that project, or the admin's",
        ),
        (AlreadyExists("view_id: v exists already"), "choose another id", "choose another id"),
        (AlreadyExists("check 3 is already overridden by ann"), "", ""),
        (NotFound("blob x does not exist"), "", ""),
        (NotFound.of("strange"), "", ""),
        (Aborted("read it again"), "", ""),
    ],
)
def test_the_step_fits_the_caller(error: SluiceError, command: str, method: str) -> None:
    """Commands for the command line, methods for Python; nothing if the message says it all."""
    assert (command, method) == (command_step(error), method_step(error))


def test_steps_name_commands_and_methods_that_exist() -> None:
    """Every listing that an error may name can be typed."""
    root = typer.main.get_command(app)
    client = CollectionClient("localhost:1")
    client.set_credentials("key")
    for listing in _LISTINGS.values():
        command = root
        for word in listing.command.partition(" -p ")[0].partition(" {")[0].split()[1:]:
            command = command.commands[word]  # type: ignore[attr-defined]
        group, method = listing.method.partition("(")[0].split(".")[1:]
        assert callable(getattr(getattr(client, group), method))
    client.close()
