"""Scores at or over a threshold, and nothing of the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Scores at or over their thresholds, by frame, then by version; all of shape `(matches,)`.

    `frames` and `columns` name the frame and the version of a score, `rows` the row of the
    embeddings that has it. `scores` are float64, `contrasts` float32.
    """

    frames: NDArray[np.intp]
    columns: NDArray[np.intp]
    scores: NDArray[np.float64]
    contrasts: NDArray[np.float32]
    rows: NDArray[np.intp]
