"""How similar two frames are: what contrasts are sums of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHARPNESS = 4
"""How fast similarity falls with the angle: at a right angle it is e^−4, some 2 %."""

AT_RIGHT_ANGLE = math.exp(-SHARPNESS)
"""The similarity of what has nothing in common."""


@dataclass(frozen=True, slots=True)
class BasisRows:
    """Where rows are: `projected` `(rows, components)` of length 1, and what that leaves out.

    `remainder` is `(rows, further)`, of no particular length.
    """

    projected: NDArray[np.float32]
    remainder: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.projected)

    def __getitem__(self, rows: slice | NDArray[Any]) -> BasisRows:
        return BasisRows(self.projected[rows], self.remainder[rows])

    def similarity(self, other: BasisRows) -> NDArray[np.float64]:
        """The similarity of all pairs of rows, `(rows, rows of other)`.

        exp(4 · (cosine − 1)), 1 for the same direction: the kernel of the von Mises-Fisher
        distribution (Mardia and Jupp, Directional Statistics, 9.3). To it comes the product of the
        remainders: in spaces that spread their variance over many components, those
        distinguish frames.
        """
        cosines = self.projected.astype(np.float64) @ other.projected.T.astype(np.float64)
        similar: NDArray[np.float64] = np.exp(SHARPNESS * (cosines - 1))
        if self.remainder.shape[1]:
            similar += self.remainder.astype(np.float64) @ other.remainder.T.astype(np.float64)
        return similar


def concatenate(*places: BasisRows) -> BasisRows:
    """The rows of all, one after another."""
    return BasisRows(
        np.concatenate([p.projected for p in places]), np.concatenate([p.remainder for p in places])
    )
