"""Tables that fit a terminal, and are never cut in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sluice.resources.kinds import short_id

console = Console()

_GAP: Final = 2
"""Spaces between columns."""

_WIDTH_MIN: Final = 4
"""Minimum width of a column that is folded."""

_UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class ResourceCell:
    """A resource: in a list at a terminal its short id, else its resource name."""

    name: str

    def __str__(self) -> str:
        return self.name


def is_terminal() -> bool:
    """Whether stdout is a terminal, where lines must fit."""
    return sys.stdout.isatty()


def cell(value: object) -> Text:
    """A value as plain text: its markup is shown, its control characters are replaced."""
    return Text("".join(c if c.isprintable() else _UNPRINTABLE for c in str(value)))


def print_table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under titles; at a terminal wide columns are folded until the lines fit."""
    in_terminal = is_terminal()
    texts = [[_list_cell(value, in_terminal=in_terminal) for value in row] for row in rows]
    widths = [
        max([cell_len(title), *(row[column].cell_len for row in texts)])
        for column, title in enumerate(titles)
    ]
    if not in_terminal:
        _print_lines([[Text(title) for title in titles], *texts], widths)
        return
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, _GAP, 0, 0))
    for title, width in zip(titles, _fit(widths, titles, console.width), strict=True):
        table.add_column(title, width=width, overflow="fold")
    for row in texts:
        table.add_row(*row)
    console.print(table)


def print_fields(pairs: Sequence[tuple[str, object]]) -> None:
    """Print titles with their values, one a line; at a terminal long values are folded."""
    texts = [(Text(title, style="bold"), cell(value)) for title, value in pairs]
    if not is_terminal():
        _print_lines(texts, [max((title.cell_len for title, _ in texts), default=0), 0])
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(overflow="fold")
    for title, value in texts:
        table.add_row(title, value)
    console.print(table)


def _list_cell(value: object, *, in_terminal: bool) -> Text:
    shown = short_id(value.name) if in_terminal and isinstance(value, ResourceCell) else value
    return cell(shown)


def _fit(widths: Sequence[int], titles: Sequence[str], available: int) -> list[int]:
    """Widths whose sum fits: the widest columns are reduced first, words of titles last."""
    fitted = list(widths)
    words = [max(map(cell_len, title.split())) for title in titles]
    for minimums in (words, [_WIDTH_MIN] * len(titles)):
        while sum(fitted) + _GAP * (len(fitted) - 1) > available:
            reducible = [i for i, least in enumerate(minimums) if fitted[i] > least]
            if not reducible:
                break
            fitted[max(reducible, key=fitted.__getitem__)] -= 1
    return fitted


def _print_lines(rows: Sequence[Sequence[Text]], widths: Sequence[int]) -> None:
    for row in rows:
        padded = (
            text.plain + " " * (width - text.cell_len)
            for text, width in zip(row, widths, strict=True)
        )
        sys.stdout.write((" " * _GAP).join(padded).rstrip() + "\n")
