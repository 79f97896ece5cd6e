"""What commands print: tables for people, JSON with stable keys for scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import typer
from google.protobuf.message import Message
from rich.console import Console

from sluice.cli.json_output import as_json, print_json
from sluice.cli.tables import cell, console, print_fields, print_table

__all__ = [
    "Column",
    "ColumnNames",
    "as_json",
    "cell",
    "console",
    "print_json",
    "select_columns",
    "show",
    "show_one",
    "show_text",
    "stderr_console",
    "without_predictions",
]

stderr_console = Console(stderr=True)

Column = tuple[str, Callable[[Any], object]]

ColumnNames = Annotated[
    str,
    typer.Option(
        "--columns",
        metavar="NAMES",
        help="Columns to show, separated by commas; `+url,time` adds to the default; `all`.",
    ),
]


def show(
    messages: Iterable[Message],
    columns: Sequence[Column],
    *,
    to_json: bool,
    more: Sequence[Column] = (),
    names: str = "",
) -> None:
    """Print messages: a table for people, a JSON list for scripts.

    `names` selects columns, of which `more` are shown on request only; unknown names are wrong
    usage, before the first message is requested.
    """
    selected = select_columns(names, columns, more)
    if to_json:
        print_json([as_json(message) for message in messages])
        return
    rows = [[value(message) for _, value in selected] for message in messages]
    if rows:
        print_table([title for title, _ in selected], rows)
    else:
        stderr_console.print("none")  # a header without rows would have columns of no width


def show_one(message: Message, columns: Sequence[Column], *, to_json: bool) -> None:
    """Print one message: its fields line by line for people, a JSON object for scripts."""
    if to_json:
        print_json(as_json(message))
    else:
        print_fields([(title, value(message)) for title, value in columns])


def show_text(text: str, document: dict[str, Any], *, to_json: bool) -> None:
    """Print one line: text for people, a JSON object for scripts."""
    if to_json:
        print_json(document)
    else:
        console.print(cell(text), soft_wrap=True)


def select_columns(
    names: str, columns: Sequence[Column], more: Sequence[Column]
) -> Sequence[Column]:
    """The columns of --columns: by title, a dash for each space."""
    if not names:
        return columns
    if names == "all":
        return [*columns, *more]
    by_name = {column[0].replace(" ", "-"): column for column in (*columns, *more)}
    adds = names.startswith("+")
    words = [word.strip().replace(" ", "-") for word in names.removeprefix("+").split(",")]
    if unknown := [word for word in words if word not in by_name]:
        known = ", ".join(by_name)
        raise typer.BadParameter(f"{unknown[0]!r}: expected all, or some of {known}")
    return [*(columns if adds else ()), *(by_name[word] for word in words)]


def without_predictions(count: int) -> str:
    """How many frames of a number have no predictions, in brackets; "" for none."""
    return f" ({count:,} without predictions)" if count else ""
