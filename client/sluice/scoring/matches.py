"""Scores at or over a threshold, and nothing of the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Scores at or over their thresholds, by frame, then by version; all of shape `(matches,)`.

    `frames` and `columns` say whose score it is, `rows` which row of the embeddings has it.
    `scores` are float64, `contrasts` float32.
    """

    frames: NDArray[np.intp]
    columns: NDArray[np.intp]
    scores: NDArray[np.float64]
    contrasts: NDArray[np.float32]
    rows: NDArray[np.intp]
