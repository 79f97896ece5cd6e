"""The progress bar of a scan, and the histogram of its scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from sluice.cli.output import console, stderr_console
from sluice.scan import ScanProgress

_BAR_WIDTH = 50
_BINS_PER_LINE = 4


class RateColumn(ProgressColumn):
    """Frames per second."""

    def render(self, task: Task) -> Text:
        """The speed of a task as text."""
        # A scan of a few batches ends before rich has measured its speed.
        mean = task.completed / task.elapsed if task.elapsed else 0
        speed = task.finished_speed or task.speed or mean
        return Text(f"{speed:,.0f} frames/s", style="dim")


@contextmanager
def progress_bar(
    row_count: int | None, *, dry_run: bool, quiet: bool
) -> Iterator[Callable[[ScanProgress], None]]:
    """A bar on stderr: rate, matches sent (or found, in a dry run), remaining time.

    What is sent is not collected yet: the server drops near duplicates a moment later.
    """
    columns = (
        TextColumn("scanning"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        RateColumn(),
        TextColumn(f"{{task.fields[matches]:,}} {'matching' if dry_run else 'sent'}"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=stderr_console, disable=quiet) as bars:
        bar = bars.add_task("scan", total=row_count, matches=0)

        def update(progress: ScanProgress) -> None:
            matches = progress.passing if dry_run else progress.sent
            bars.update(bar, completed=progress.rows, matches=matches)

        yield update


def draw_histogram(progress: ScanProgress) -> None:
    """Draw the scores; a bar shows the square root, so that small counts stay visible."""
    counts = progress.histogram.reshape(-1, _BINS_PER_LINE).sum(axis=1)
    highest = max(int(counts.max()), 1)
    for index, count in enumerate(counts.tolist()):
        bar = "█" * round(_BAR_WIDTH * (count / highest) ** 0.5)
        low = index / len(counts)
        console.print(f"{low:5.3f} {bar} {count or ''}", highlight=False)
