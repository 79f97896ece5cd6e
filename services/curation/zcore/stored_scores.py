"""ZCore scores that are stored in a field of frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sluice.frames import MetadataValue

FIELD: Final = "zcore"
"""The field that scores are stored in by default."""


@dataclass(slots=True)
class StoredScores:
    """The largest score of each group, by its number, and how many of its frames have none."""

    scores: dict[int, float] = field(default_factory=dict)
    frames: int = 0
    missing: int = 0

    def add(self, group: int, value: MetadataValue | None) -> None:
        """Add the value of a frame's field, None if it has none."""
        self.frames += 1
        if isinstance(value, bool | str | None):
            self.missing += 1
        else:
            self.scores[group] = max(self.scores.get(group, -np.inf), value)

    def by_group(self, groups: int) -> NDArray[np.float64]:
        """The score of each group `(groups,)`; 0 for a group without one."""
        scores = np.zeros(groups)
        scores[list(self.scores)] = list(self.scores.values())
        return scores
