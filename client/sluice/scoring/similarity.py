"""The similarity of two frames; contrasts are weighted sums of similarities."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
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

    `remainder` is `(rows, further)`, of any length. `inverse_lengths` `(rows,)` are 1 over the
    lengths of the projections before these were scaled to 1, and 0 for rows without direction;
    empty where they are not known.
    """

    projected: NDArray[np.float32]
    remainder: NDArray[np.float32]
    inverse_lengths: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.projected)

    def __getitem__(self, rows: slice | NDArray[Any]) -> BasisRows:
        lengths = self.inverse_lengths[rows] if self.inverse_lengths.size else self.inverse_lengths
        return BasisRows(self.projected[rows], self.remainder[rows], lengths)

    def similarities(self, other: BasisRows) -> Similarities:
        """The similarities of all pairs of rows."""
        cosines = self.projected.astype(np.float64) @ other.projected.T.astype(np.float64)
        products = self.remainder.astype(np.float64) @ other.remainder.T.astype(np.float64)
        return Similarities(np.exp(SHARPNESS * (cosines - 1)), products)


@dataclass(frozen=True, slots=True)
class Similarities:
    """The similarities of all pairs of two sets of rows, both `(rows, others) float64`.

    `projected` is exp(4 · (cosine − 1)), 1 for the same direction: the kernel of the von
    Mises-Fisher distribution (Mardia and Jupp, Directional Statistics, 9.3). `products` are those
    of the remainders: they distinguish frames in spaces with variance in many components.
    """

    projected: NDArray[np.float64]
    products: NDArray[np.float64]

    def total(self, remainder_weight: float) -> NDArray[np.float64]:
        """The similarities with this weight of the remainder."""
        if not remainder_weight:
            return self.projected
        return np.asarray(self.projected + remainder_weight * self.products, np.float64)


def concatenate(*parts: BasisRows) -> BasisRows:
    """Concatenate the rows of all parts; inverse lengths stay known if all parts have them."""
    names = [field.name for field in fields(BasisRows)]
    rows = BasisRows(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
    if len(rows.inverse_lengths) == len(rows):
        return rows
    return replace(rows, inverse_lengths=rows.inverse_lengths[:0])
