"""Names that groups and commands had before; they work for one release, hidden from the help."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import typer

from sluice.cli import rounds, views
from sluice.cli.commands import Command, CommandGroup
from sluice.cli.output import stderr_console


@dataclass(frozen=True, slots=True)
class MovedCommand:
    """A command, and the words that call it now."""

    new_name: str
    command: Command


GROUPS: Final = {"batches": ["batch"], "golden-sets": ["golden"]}
"""The old names of each group that was renamed as a whole, by its new name."""

COMMANDS: Final[Mapping[str, Mapping[str, MovedCommand]]] = {
    "datasets": {
        "round": MovedCommand("rounds create", rounds.create_round),
        "rounds": MovedCommand("rounds list", rounds.list_rounds),
        "predictions": MovedCommand("rounds import-predictions", rounds.import_predictions),
        "failures": MovedCommand("rounds mine-failures", rounds.mine_failures),
        "save-view": MovedCommand("views save", views.save_view),
        "views": MovedCommand("views list", views.list_views),
        "delete-view": MovedCommand("views delete", views.delete_view),
    }
}
"""The commands that moved out of a group, by the group and their old name in it."""


def add_old_group(app: typer.Typer, old_name: str, group: CommandGroup) -> None:
    """Let a renamed group be called by its old name."""
    typer_group = typer.Typer(help=group.help, no_args_is_help=True)
    for name, command in group.commands.items():
        notify = _with_notice(command, f"{old_name} {name}", f"{group.name} {name}")
        typer_group.command(name)(notify)
    app.add_typer(typer_group, name=old_name, hidden=True)


def add_old_commands(typer_group: typer.Typer, group_name: str) -> None:
    """Let commands that moved out of a group be called by their old names."""
    for name, moved in COMMANDS.get(group_name, {}).items():
        notify = _with_notice(moved.command, f"{group_name} {name}", moved.new_name)
        typer_group.command(name, hidden=True)(notify)


def _with_notice(command: Command, old_name: str, new_name: str) -> Command:
    """The same command, which first prints its new name on stderr."""
    notice = (
        f"`sluice {old_name} …` is now `sluice {new_name} …`; "
        "the old name goes away in the next release"
    )

    @functools.wraps(command)
    def notify(*arguments: object, **options: object) -> None:
        stderr_console.print(notice, markup=False, highlight=False, soft_wrap=True)
        command(*arguments, **options)

    return notify
