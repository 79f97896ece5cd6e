"""How commands reach the server, and how they end when something is wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import typer

from sluice import errors
from sluice.cli.exits import Exit, exit_of
from sluice.cli.output import complaints
from sluice.client import CollectionClient
from sluice.names import ProjectName


@dataclass(frozen=True, slots=True)
class Connection:
    """Where to connect, and by which key."""

    target: str
    api_key: str

    @contextmanager
    def client(self) -> Iterator[CollectionClient]:
        """A client; what a call fails with ends the command with its exit code."""
        try:
            with CollectionClient(self.target) as client:
                client.set_credentials(api_key=self.api_key)
                yield client
        except errors.SluiceError as error:
            complain(error)
            raise typer.Exit(exit_of(error)) from error
        except KeyboardInterrupt:
            end_interrupted("interrupted")


def complain(error: errors.SluiceError) -> None:
    """Say on stderr what went wrong."""
    complaints.print(f"[red]{error.code.name}[/]: ", end="")
    complaints.print(error.message, markup=False, highlight=False, soft_wrap=True)


def end_interrupted(said: str) -> NoReturn:
    """Say what was interrupted, and end the process at once.

    An orderly end would wait for the call that Ctrl-C has cut off, which grpc never finishes.
    """
    complaints.print(f"\n{said}", markup=False, highlight=False, soft_wrap=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(Exit.INTERRUPTED)


def connection(context: typer.Context) -> Connection:
    """The connection that the command line asks for."""
    found: Connection = context.obj
    return found


def project_name(project: str) -> str:
    """The resource name of a project that may be given by its id."""
    return project if project.startswith("projects/") else str(ProjectName(project))
