"""The progress bar of an append."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sluice.cli.output import stderr_console
from sluice.cli.scan_progress import RateColumn
from sluice.progress import OnProgress


@contextmanager
def append_bar(*, quiet: bool) -> Iterator[OnProgress]:
    """A bar on stderr: frames appended, rate and remaining time; a total of 0 is unknown."""
    columns = (
        TextColumn("appending"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=stderr_console, disable=quiet) as bars:
        bar = bars.add_task("append", total=None)

        def update(_: str, done: int, total: int) -> None:
            bars.update(bar, completed=done, total=total or None)

        yield update
