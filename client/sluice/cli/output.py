"""What commands print: tables for people, JSON with stable keys for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table
from rich.text import Text

console = Console()
stderr_console = Console(stderr=True)

Column = tuple[str, Callable[[Any], object]]

_UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"


def as_json(message: Message) -> dict[str, Any]:
    """A message as protobuf's JSON, with the field names of the proto; zeros are included."""
    return MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def show(messages: Iterable[Message], columns: Sequence[Column], *, to_json: bool) -> None:
    """Print messages: a table for people, a JSON list for scripts."""
    if to_json:
        print_json([as_json(message) for message in messages])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title, _ in columns:
        table.add_column(title, overflow="fold")
    for message in messages:
        table.add_row(*(cell(value(message)) for _, value in columns))
    if table.row_count:
        console.print(table)
    else:
        stderr_console.print("none")  # a header without rows would have columns of no width


def show_one(message: Message, columns: Sequence[Column], *, to_json: bool) -> None:
    """Print one message: its fields line by line for people, a JSON object for scripts."""
    if to_json:
        print_json(as_json(message))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for title, value in columns:
        table.add_row(title, cell(value(message)))
    console.print(table)


def show_text(text: str, document: dict[str, Any], *, to_json: bool) -> None:
    """Print one line: text for people, a JSON object for scripts."""
    if to_json:
        print_json(document)
    else:
        console.print(cell(text), soft_wrap=True)


def cell(value: object) -> Text:
    """A value as plain text: its markup is shown, its control characters are replaced."""
    return Text("".join(c if c.isprintable() else _UNPRINTABLE for c in str(value)))


def print_json(value: object) -> None:
    """Print indented JSON on stdout."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def without_predictions(count: int) -> str:
    """How many frames of a number have no predictions, in brackets; "" for none."""
    return f" ({count:,} without predictions)" if count else ""
