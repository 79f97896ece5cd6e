"""How commands connect to the server, and how they end after an error or an interrupt."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import typer

from sluice import errors
from sluice.cli.exit_codes import ExitCode, exit_code_of
from sluice.cli.output import stderr_console
from sluice.client import DEFAULT_TARGET, CollectionClient
from sluice.next_steps import command_step
from sluice.profiles import Profile, find_profile, read_profiles
from sluice.resources.resolver import list_command_of


@dataclass(frozen=True, slots=True)
class Connection:
    """The global options: the server's address, the API key, and the profile; "" if not given."""

    target: str = ""
    api_key: str = field(default="", repr=False)
    profile: str = ""
    may_be_new: bool = False
    """Whether the profile may be missing, since it is about to be saved."""

    def settings(self) -> Profile:
        """What the options say, else the profile, else the defaults.

        The key and the project of a profile are for the server of the profile only.
        """
        missing = self.may_be_new and self.profile not in read_profiles()
        stored = Profile() if missing else find_profile(self.profile)
        stored_target = stored.target or DEFAULT_TARGET
        target = self.target or stored_target
        if target != stored_target:
            stored = Profile()
        return Profile(target, self.api_key or stored.api_key, stored.project)

    @contextmanager
    def client(self, project: str = "") -> Iterator[CollectionClient]:
        """Open a client; an error of a call ends the command with the error's exit code."""
        with self.printing_errors():
            settings = self.settings()
            if not settings.api_key:
                raise errors.Unauthenticated("API key required")
            default_project = project or settings.project
            with CollectionClient(settings.target, project=default_project) as client:
                client.set_credentials(api_key=settings.api_key)
                yield client

    @contextmanager
    def printing_errors(self) -> Iterator[None]:
        """End the command after an error with its message and exit code."""
        try:
            yield
        except errors.SluiceError as error:
            print_error(error)
            raise typer.Exit(exit_code_of(error)) from error
        except KeyboardInterrupt:
            exit_interrupted("interrupted")


def print_error(error: errors.SluiceError) -> None:
    """Print an error on stderr, with the next step to take."""
    stderr_console.print(f"[red]{error.code.name}[/]: ", end="")
    message = error.message
    if "see `" not in message and (step := command_step(error) or _listing_step(error)):
        message = f"{message}; {step}"
    stderr_console.print(message, markup=False, highlight=False, soft_wrap=True)


def _listing_step(error: errors.SluiceError) -> str:
    listing = list_command_of(error.message) if isinstance(error, errors.NotFound) else ""
    return f"see `{listing}`" if listing else ""


def exit_interrupted(message: str) -> NoReturn:
    """Print what was interrupted, and end the process at once.

    An orderly exit would wait for the call that Ctrl-C has interrupted, which grpc never finishes.
    """
    stderr_console.print(f"\n{message}", markup=False, highlight=False, soft_wrap=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ExitCode.INTERRUPTED)


def read_key_file(path: Path | None) -> str:
    """The API key in a file; "" without a file."""
    return path.read_text().strip() if path else ""


def connection(context: typer.Context) -> Connection:
    """The connection that the global options describe."""
    options: Connection = context.obj
    return options
