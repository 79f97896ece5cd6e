"""ZCore scores that frames have in a field."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sluice.frames import MetadataValue

FIELD: Final = "zcore"
"""Where scores are stored if nothing else is said."""


@dataclass(slots=True)
class StoredScores:
    """The largest score of the frames of each group, by its number; how many frames have none."""

    scores: dict[int, float] = field(default_factory=dict)
    frames: int = 0
    missing: int = 0

    def take(self, group: int, value: MetadataValue | None) -> None:
        """Take in what a frame has in its field."""
        self.frames += 1
        if isinstance(value, bool | str | None):
            self.missing += 1
        else:
            self.scores[group] = max(self.scores.get(group, -np.inf), value)

    def by_group(self, groups: int) -> NDArray[np.float64]:
        """The score of each group `(groups,)`; 0 for those that are not among these."""
        found = np.zeros(groups)
        found[list(self.scores)] = list(self.scores.values())
        return found
