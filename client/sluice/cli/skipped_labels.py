"""Labels of a file that are skipped or clipped: counted, and the first ones named on stderr."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sluice.cli.output import stderr_console

NAMED_MAX: Final = 3


@dataclass(slots=True)
class LabelNotes:
    """The number of labels with one kind of problem, and the reasons of the first ones."""

    title: str
    count: int = 0
    reasons: list[str] = field(default_factory=list)

    def add(self, reason: str) -> None:
        """Count a label."""
        self.count += 1
        if len(self.reasons) < NAMED_MAX:
            self.reasons.append(reason)

    def show(self) -> None:
        """Print the number and the first reasons on stderr, if there are any."""
        if not self.count:
            return
        stderr_console.print(f"{self.title}: {self.count:,}", highlight=False)
        for reason in self.reasons:
            stderr_console.print(reason, soft_wrap=True, highlight=False, markup=False)
        if self.count > len(self.reasons):
            stderr_console.print("…")


@dataclass(slots=True)
class SkippedLabels:
    """The labels that a reader has skipped, and the boxes that it has clipped."""

    skipped: LabelNotes = field(default_factory=lambda: LabelNotes("skipped labels"))
    clipped: LabelNotes = field(default_factory=lambda: LabelNotes("boxes clipped to their image"))

    @property
    def count(self) -> int:
        """The number of skipped labels."""
        return self.skipped.count

    def add(self, reason: str) -> None:
        """Count a label that was skipped."""
        self.skipped.add(reason)

    def show(self) -> None:
        """Print both numbers with the first reasons on stderr, if there are any."""
        self.skipped.show()
        self.clipped.show()
