"""Labels of a file that are skipped: counted, and the first ones named on stderr."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sluice.cli.output import stderr_console

NAMED_MAX: Final = 3


@dataclass(slots=True)
class SkippedLabels:
    """The number of labels that a reader has skipped, and the reasons of the first ones."""

    count: int = 0
    reasons: list[str] = field(default_factory=list)

    def add(self, reason: str) -> None:
        """Count a label that was skipped."""
        self.count += 1
        if len(self.reasons) < NAMED_MAX:
            self.reasons.append(reason)

    def show(self) -> None:
        """Print the number and the first reasons on stderr, if any label was skipped."""
        if not self.count:
            return
        stderr_console.print(f"skipped labels: {self.count:,}", highlight=False)
        for reason in self.reasons:
            stderr_console.print(reason, soft_wrap=True, highlight=False, markup=False)
        if self.count > len(self.reasons):
            stderr_console.print("…")
