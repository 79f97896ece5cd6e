"""What every command has: a connection, a way to print, and exit codes that scripts can trust."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table

from sluice import errors
from sluice.client import CollectionClient
from sluice.names import ProjectName

EXIT_CODES: Final[dict[type[errors.SluiceError], int]] = {
    errors.NotFound: 3,
    errors.Unauthenticated: 4,
    errors.PermissionDenied: 4,
    errors.Unavailable: 5,
}
"""By error; every other one is 1, wrong usage is 2, and Ctrl-C is 130."""

INTERRUPTED: Final = 130

console = Console()
complaints = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Project = Annotated[
    str, typer.Option("--project", "-p", envvar="SLUICE_PROJECT", help="The project's id.")
]


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
            raise typer.Exit(exit_code(error)) from error


def exit_code(error: errors.SluiceError) -> int:
    """The code that a command ends with."""
    return EXIT_CODES.get(type(error), 1)


def complain(error: errors.SluiceError) -> None:
    """Say on stderr what went wrong."""
    complaints.print(f"[red]{error.code.name}[/]: ", end="")
    complaints.print(error.message, markup=False, highlight=False)


def connection(context: typer.Context) -> Connection:
    """The connection that the command line asks for."""
    found: Connection = context.obj
    return found


def project_name(project: str) -> str:
    """The resource name of a project that may be given by its id."""
    return project if project.startswith("projects/") else str(ProjectName(project))


def as_json(message: Message) -> dict[str, Any]:
    """A message as protobuf's JSON, with the names of the proto."""
    return MessageToDict(message, preserving_proto_field_name=True)


Column = tuple[str, Callable[[Any], object]]


def show(messages: Iterable[Message], columns: Sequence[Column], *, to_json: bool) -> None:
    """Print messages: a table for people, a JSON list for scripts."""
    found = list(messages)
    if to_json:
        print_json([as_json(message) for message in found])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title, _ in columns:
        table.add_column(title, overflow="fold")
    for message in found:
        table.add_row(*(str(value(message)) for _, value in columns))
    console.print(table)


def show_one(message: Message, columns: Sequence[Column], *, to_json: bool) -> None:
    """Print one message: its fields line by line for people, a JSON object for scripts."""
    if to_json:
        print_json(as_json(message))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for title, value in columns:
        table.add_row(f"[bold]{title}[/]", str(value(message)))
    console.print(table)


def print_json(value: object) -> None:
    """Print JSON, as it is."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
