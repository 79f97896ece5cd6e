"""Kernel ridge regression: the weight of each element, negative and background row.

The contrast of a frame is the weighted sum of its similarities. The weights are fitted so that
elements have a contrast near 1, negatives and background rows near −1 (Saunders, Gammerman and
Vovk, "Ridge Regression Learning Algorithm in Dual Variables", 1998).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.scoring.similarity import BasisRows

RIDGE = 0.1
"""The ridge of elements, relative to an element's similarity to itself."""

RIDGE_OF_OTHERS_MIN = 1.0
"""The ridge of negatives, and the least one of background rows.

Some background rows show what the issue is about, and negatives are near it. With the ridge of an
element they would lower the contrast around it by too much.
"""

_FEW_ELEMENTS = 3  # with this many elements the ridge of background rows is doubled

Floats = NDArray[np.float64]


class Background:
    """Background rows, and the inverses of their regularised similarities.

    The inverses of the newest ridge are cached, one per weight of the remainder: most models that
    are built in a row have the same ridge.
    """

    def __init__(self, rows: BasisRows) -> None:
        self.rows = rows
        self._ridge = 0.0
        self._inverses: dict[float, Floats] = {}

    def inverse(self, ridge: float, remainder_weight: float) -> Floats:
        """The inverse of their similarities plus the ridge, `(rows, rows)`."""
        if ridge != self._ridge:
            self._ridge, self._inverses = ridge, {}
        inverse = self._inverses.get(remainder_weight)
        if inverse is None:
            similar = self.rows.similarities(self.rows).total(remainder_weight)
            similar[np.diag_indices(len(similar))] += ridge
            inverse = self._inverses[remainder_weight] = _invert(similar)
        return inverse


def background_ridge(background: int, elements: float) -> float:
    """The ridge of each background row.

    The inverse ridges of elements and of background have equal sums, independent of their numbers,
    but that of a background row is at most that of a negative: a tenth of an element's. A few
    elements say little of where the issue ends, so background rows weigh less beside them.
    """
    equal = max(RIDGE * background / elements, RIDGE_OF_OTHERS_MIN)
    return equal * (1 + _FEW_ELEMENTS / elements)


@dataclass(frozen=True, slots=True)
class Contrasts:
    """What a fit makes of the rows it was fitted to; all float64.

    `own` `(elements,)` are the contrasts of the elements, `leave_one_out` `(elements,)` those to a
    fit without the element, `ordinary` `(background,)` those of background rows to a fit without
    the row.
    """

    own: Floats
    leave_one_out: Floats
    ordinary: Floats


@dataclass(frozen=True, slots=True)
class Solution:
    """The weights of `(elements,)`, and of `(background + negatives,)` shared rows.

    `gains` `(elements,)` and `background_gains` `(background,)` are how much a row adds to its own
    contrast; `ordinary` `(background,)` are contrasts to a fit without the row itself.
    """

    elements: Floats
    gains: Floats
    shared: Floats
    ordinary: Floats
    background_gains: Floats

    @property
    def contrasts(self) -> Contrasts:
        """The contrasts of all rows, unless the elements were solved in parts."""
        own = 1 - RIDGE * self.elements
        return Contrasts(own, own - self.gains, self.ordinary)


@dataclass(frozen=True, slots=True)
class System:
    """The solved equations of some elements and all shared rows.

    The inverse of all regularised similarities has the blocks `inverse` `(elements, elements)`,
    −`spread` `(shared, elements)` and `shared_inverse` + `spread` · `reach`ᵀ `(shared, shared)`.
    `elements` and `shared` are the weights, `diagonal` and `background_diagonal` those of the
    inverse at elements and at background rows.
    """

    ridge: float
    shared_inverse: Floats
    reach: Floats
    spread: Floats
    elements: Floats
    shared: Floats
    diagonal: Floats
    background_diagonal: Floats

    @classmethod
    def of(cls, rows: SharedRows, reach: Floats, inverse: Floats) -> System:
        """Solve by the inverse of the Schur complement of the elements."""
        elements = inverse @ (1 + reach.sum(axis=0))
        spread = reach @ inverse
        background = slice(rows.background)
        gain = _row_products(spread[background], reach[background])
        return cls(
            ridge=rows.ridge,
            shared_inverse=rows.inverse,
            reach=reach,
            spread=spread,
            elements=elements,
            shared=-rows.inverse.sum(axis=1) - reach @ elements,
            diagonal=inverse.diagonal(),
            background_diagonal=rows.inverse.diagonal()[background] + gain,
        )

    def solve(self) -> Solution:
        """The solution; leave-one-out values have closed forms.

        In ridge regression the leave-one-out value of a row is its target less its weight divided
        by its diagonal entry of the inverse (Cawley and Talbot, "Fast exact leave-one-out
        cross-validation of sparse least-squares support vector machines", 2004).
        """
        background = self.shared[: len(self.background_diagonal)]
        residuals = background / self.background_diagonal
        return Solution(
            elements=self.elements,
            gains=self.elements / self.diagonal - RIDGE * self.elements,
            shared=self.shared,
            ordinary=-1 - residuals,
            background_gains=residuals - self.ridge * background,
        )

    def set_aside(self, rows: NDArray[np.intp]) -> Solution:
        """The solution without some background rows: their weight is 0.

        Their `ordinary` contrasts are those of frames that the fit has not seen. By block
        inversion: weights change by the columns of the inverse at these rows, times the residuals
        that the rows have without one another.
        """
        element_columns = -self.spread[rows].T
        shared_columns = self.shared_inverse[:, rows] + self.spread @ self.reach[rows].T
        inverse = _invert(shared_columns[rows])
        residuals = inverse @ self.shared[rows]
        elements = self.elements - element_columns @ residuals
        shared = self.shared - shared_columns @ residuals
        diagonal = self.diagonal - _row_products(element_columns @ inverse, element_columns)
        columns = shared_columns[: len(self.background_diagonal)]
        background_diagonal = self.background_diagonal - _row_products(columns @ inverse, columns)
        # Rows set aside have neither weight nor diagonal: what is left of both is rounding.
        shared[rows], background_diagonal[rows] = 0, 1
        background = shared[: len(background_diagonal)]
        left_out = background / background_diagonal
        gains = left_out - self.ridge * background
        left_out[rows] = residuals
        return Solution(
            elements=elements,
            gains=elements / diagonal - RIDGE * elements,
            shared=shared,
            ordinary=-1 - left_out,
            background_gains=gains,
        )


@dataclass(frozen=True, slots=True)
class SharedRows:
    """Background rows, then negatives, and the inverse of their regularised similarities."""

    background: int
    ridge: float
    remainder_weight: float
    inverse: Floats

    @classmethod
    def of(
        cls, background: Background, negatives: BasisRows, elements: float, remainder_weight: float
    ) -> SharedRows:
        """Prepare to solve for this number of elements at a time."""
        count = len(background.rows)
        ridge = background_ridge(count, elements)
        inverse = background.inverse(ridge, remainder_weight)
        if len(negatives):
            cross = background.rows.similarities(negatives).total(remainder_weight)
            corner = negatives.similarities(negatives).total(remainder_weight)
            corner[np.diag_indices(len(negatives))] += RIDGE_OF_OTHERS_MIN
            inverse = _extend_inverse(inverse, cross, corner)
        return cls(count, ridge, remainder_weight, inverse)

    def system(self, to_elements: Floats, among_elements: Floats) -> System:
        """The equations of elements by their similarities to the shared rows and among themselves.

        Solved by the Schur complement; the inverse of the shared rows is used as it is.
        """
        reach = self.inverse @ to_elements
        schur = among_elements - to_elements.T @ reach
        schur[np.diag_indices(len(schur))] += RIDGE
        return System.of(self, reach, _invert(schur))


def _row_products(rows: Floats, others: Floats) -> Floats:
    return np.asarray(np.einsum("ij,ij->i", rows, others), np.float64)


def _invert(matrix: Floats) -> Floats:
    return np.asarray(np.linalg.inv(matrix), np.float64)


def _extend_inverse(inverse: Floats, cross: Floats, corner: Floats) -> Floats:
    """The inverse of a matrix with more rows: `cross` to the earlier ones, `corner` their own."""
    reach = inverse @ cross
    block = _invert(corner - cross.T @ reach)
    spread = reach @ block
    return np.block([[inverse + spread @ reach.T, -spread], [-spread.T, block]])
