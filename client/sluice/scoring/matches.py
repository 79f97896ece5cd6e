"""What a batch's matches are, where no other scores are wanted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """The scores that reach their version's threshold, by frame, then by column.

    All are `(matches,)`: `frames` and `columns` say where each would stand among all scores,
    `scores` `float64` are in (0, 1), `contrasts` `float32` break ties, and `rows` name the row of
    the embeddings that has the score.
    """

    frames: NDArray[np.intp]
    columns: NDArray[np.intp]
    scores: NDArray[np.float64]
    contrasts: NDArray[np.float32]
    rows: NDArray[np.intp]
