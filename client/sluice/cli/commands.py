"""A group of commands, as the list in app.py describes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import typer

Command = Callable[..., None]
"""A function that Typer makes a command of, by its signature and docstring."""


@dataclass(frozen=True, slots=True)
class CommandGroup:
    """The commands of one resource; the group is named after the resource, in the plural."""

    name: str
    help: str
    commands: Mapping[str, Command]
    groups: tuple[CommandGroup, ...] = ()

    def to_typer(self) -> typer.Typer:
        """The group with its commands, in their order."""
        typer_group = typer.Typer(help=self.help, no_args_is_help=True)
        for name, command in self.commands.items():
            typer_group.command(name)(command)
        for group in self.groups:
            typer_group.add_typer(group.to_typer(), name=group.name)
        return typer_group
