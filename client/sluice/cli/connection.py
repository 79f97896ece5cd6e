"""How commands connect to the server, and how they end after an error or an interrupt."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import typer

from sluice import errors
from sluice.cli.exit_codes import ExitCode, exit_code_of
from sluice.cli.output import stderr_console
from sluice.client import CollectionClient
from sluice.names import ProjectName
from sluice.next_steps import command_step


@dataclass(frozen=True, slots=True)
class Connection:
    """The address of the server, and the API key."""

    target: str
    api_key: str

    @contextmanager
    def client(self) -> Iterator[CollectionClient]:
        """Open a client; an error of a call ends the command with the error's exit code."""
        try:
            with CollectionClient(self.target) as client:
                client.set_credentials(api_key=self.api_key)
                yield client
        except errors.SluiceError as error:
            print_error(error)
            raise typer.Exit(exit_code_of(error)) from error
        except KeyboardInterrupt:
            exit_interrupted("interrupted")


def print_error(error: errors.SluiceError) -> None:
    """Print an error on stderr, with the next step to take."""
    stderr_console.print(f"[red]{error.code.name}[/]: ", end="")
    step = command_step(error)
    message = f"{error.message}; {step}" if step else error.message
    stderr_console.print(message, markup=False, highlight=False, soft_wrap=True)


def exit_interrupted(message: str) -> NoReturn:
    """Print what was interrupted, and end the process at once.

    An orderly exit would wait for the call that Ctrl-C has interrupted, which grpc never finishes.
    """
    stderr_console.print(f"\n{message}", markup=False, highlight=False, soft_wrap=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ExitCode.INTERRUPTED)


def connection(context: typer.Context) -> Connection:
    """The connection that the global options describe."""
    options: Connection = context.obj
    return options


def project_name(project: str) -> str:
    """The resource name of a project, given by its id or its resource name."""
    return project if project.startswith("projects/") else str(ProjectName(project))
