"""The similarity of two frames; contrasts are weighted sums of similarities."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHARPNESS = 4
"""How fast similarity falls with the angle: at a right angle it is e^−4, some 2 %."""

AT_RIGHT_ANGLE = math.exp(-SHARPNESS)
"""The similarity of two orthogonal rows."""


@dataclass(frozen=True, slots=True)
class BasisRows:
    """Rows in a basis: `projected` `(rows, components)` of length 1, and their remainders.

    `remainder` is `(rows, further)`, of any length.
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
        distribution (Mardia and Jupp, Directional Statistics, 9.3). The product of the remainders
        is added: it distinguishes frames in spaces with variance in many components.
        """
        cosines = self.projected.astype(np.float64) @ other.projected.T.astype(np.float64)
        similar: NDArray[np.float64] = np.exp(SHARPNESS * (cosines - 1))
        if self.remainder.shape[1]:
            similar += self.remainder.astype(np.float64) @ other.remainder.T.astype(np.float64)
        return similar


def concatenate(*parts: BasisRows) -> BasisRows:
    """Concatenate the rows of all parts."""
    return BasisRows(
        np.concatenate([part.projected for part in parts]),
        np.concatenate([part.remainder for part in parts]),
    )
