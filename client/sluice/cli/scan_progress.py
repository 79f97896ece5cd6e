"""How a scan shows how far it is, and what its scores look like."""

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

from sluice.cli.output import complaints, console
from sluice.scan import Progress

_BAR_WIDTH = 50
_BINS_PER_LINE = 4


class _Rate(ProgressColumn):
    """Rows a second."""

    def render(self, task: Task) -> Text:
        # A scan of a few batches is over before rich has a speed of it.
        mean = task.completed / task.elapsed if task.elapsed else 0
        speed = task.finished_speed or task.speed or mean
        return Text(f"{speed:,.0f} frames/s", style="dim")


@contextmanager
def bars(
    row_count: int | None, *, dry_run: bool, quiet: bool
) -> Iterator[Callable[[Progress], None]]:
    """A bar on stderr with rate, frames collected or, in a dry run, matching, and time left."""
    columns = (
        TextColumn("scanning"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        _Rate(),
        TextColumn(f"{{task.fields[found]:,}} {'matching' if dry_run else 'collected'}"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=complaints, disable=quiet) as shown:
        bar = shown.add_task("scan", total=row_count, found=0)

        def update(progress: Progress) -> None:
            found = progress.passing if dry_run else progress.collected
            shown.update(bar, completed=progress.rows, found=found)

        yield update


def draw_histogram(progress: Progress) -> None:
    """Draw the scores; bars are by the square root, or few frames would be none."""
    counts = progress.histogram.reshape(-1, _BINS_PER_LINE).sum(axis=1)
    highest = max(int(counts.max()), 1)
    for index, count in enumerate(counts.tolist()):
        bar = "█" * round(_BAR_WIDTH * (count / highest) ** 0.5)
        low = index / len(counts)
        console.print(f"{low:5.3f} {bar} {count or ''}", highlight=False)
