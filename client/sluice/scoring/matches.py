"""The scores at or over their thresholds, without the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Scores at or over their thresholds, sorted by frame, then by version; all `(matches,)`.

    `frames` and `columns` are the indices of frame and version, `rows` those of the embedding rows
    with the score. `scores` are float64, `contrasts` float32.
    """

    frames: NDArray[np.intp]
    columns: NDArray[np.intp]
    scores: NDArray[np.float64]
    contrasts: NDArray[np.float32]
    rows: NDArray[np.intp]
