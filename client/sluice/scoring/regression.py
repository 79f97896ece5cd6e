"""Kernel ridge regression: the weight of each element, negative and background row.

The contrast of a frame is the weighted sum of its similarities. The weights are fitted so that
elements have a contrast near 1, negatives and background rows near −1 (Saunders, Gammerman and
Vovk, "Ridge Regression Learning Algorithm in Dual Variables", 1998). Issues with too many elements
to solve at once are divided, and the parts' weights averaged (Zhang, Duchi and Wainwright,
"Divide and Conquer Kernel Ridge Regression", 2015).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.scoring.similarity import BasisRows, concatenate
from sluice.scoring.vectors import blocks, evenly_spaced

ELEMENTS_SOLVED_MAX = 1_024
"""Limit on the elements solutions at once, in well under a second."""

ELEMENTS_PER_PART = 256
"""Elements per part of a larger issue: 50,000 elements then take seconds."""

LEAVE_ONE_OUT_MAX = 1_024
"""Limit on the elements with a leave-one-out contrast; a sample moves quantiles by some 1 %."""

RIDGE = 0.1
"""The ridge of elements, relative to an element's similarity to itself."""

RIDGE_OF_OTHERS_MIN = 1.0
"""The ridge of negatives, and the least one of background rows.

Some background rows show what the issue is about, and negatives are near it. With the ridge of an
element they would lower the contrast around it by too much.
"""


@dataclass(frozen=True, slots=True)
class Weights:
    """The weight of each row: `(elements,)`, `(negatives,)`, `(background,)`.

    `own` are the contrasts of a sample of the elements, `leave_one_out` their contrasts to a fit
    without the element. `ordinary` `(background,)` are the leave-one-out contrasts of background
    rows, `background_gains` `(background,)` how much each adds to its own contrast. All float64.
    """

    elements: NDArray[np.float64]
    negatives: NDArray[np.float64]
    background: NDArray[np.float64]
    own: NDArray[np.float64]
    leave_one_out: NDArray[np.float64]
    ordinary: NDArray[np.float64]
    background_gains: NDArray[np.float64]


class Background:
    """Background rows, and the inverse of their regularised similarities.

    The inverse is cached: most models that are built in a row have the same ridge.
    """

    def __init__(self, rows: BasisRows) -> None:
        self.rows = rows
        self._cached: tuple[float, NDArray[np.float64]] | None = None

    def inverse(self, ridge: float) -> NDArray[np.float64]:
        """The inverse of their similarities plus the ridge, `(rows, rows)`."""
        cached = self._cached
        if cached is None or cached[0] != ridge:
            cached = self._cached = ridge, _inverse(self.rows, np.full(len(self.rows), ridge))
        return cached[1]


def fit(elements: BasisRows, negatives: BasisRows, background: Background) -> Weights:
    """Fit the weights of all rows.

    The inverse ridges of elements and of background have equal sums, independent of their numbers,
    but that of a background row is at most that of a negative: a tenth of an element's.
    Deterministic.
    """
    parts = _count_parts(len(elements))
    fixed = _SharedRows.of(background, negatives, len(elements) / parts)
    solutions = _solve_all(fixed, [elements[part::parts] for part in range(parts)])
    weights, own, gain = np.empty((3, len(elements)))
    for part, part_weights in enumerate(solutions):
        weights[part::parts] = part_weights.elements / parts
        own[part::parts], gain[part::parts] = part_weights.own, part_weights.gain / parts
    shared = np.mean([part_weights.fixed for part_weights in solutions], axis=0)
    sample = evenly_spaced(len(elements), LEAVE_ONE_OUT_MAX)
    if parts > 1:
        own[sample] = _sum_similarities(elements[sample], elements, weights)
        own[sample] += _sum_similarities(elements[sample], fixed.rows, shared)
    return Weights(
        elements=weights,
        negatives=shared[fixed.background :],
        background=shared[: fixed.background],
        own=own[sample],
        leave_one_out=own[sample] - gain[sample],
        ordinary=np.mean([part_weights.ordinary for part_weights in solutions], axis=0),
        background_gains=np.mean(
            [part_weights.background_gain for part_weights in solutions], axis=0
        ),
    )


def _count_parts(elements: int) -> int:
    return 1 if elements <= ELEMENTS_SOLVED_MAX else -(-elements // ELEMENTS_PER_PART)


@dataclass(frozen=True, slots=True)
class _PartWeights:
    """The weights of one part of the elements, and of the rows that all parts share.

    `gain` and `background_gain` are how much a row adds to its own contrast.
    """

    elements: NDArray[np.float64]
    fixed: NDArray[np.float64]
    own: NDArray[np.float64]
    gain: NDArray[np.float64]
    ordinary: NDArray[np.float64]
    background_gain: NDArray[np.float64]


def _solve_all(fixed: _SharedRows, parts: Sequence[BasisRows]) -> list[_PartWeights]:
    """Solve each part; on all cores if there are several: 50,000 elements are 196 parts."""
    if len(parts) == 1:
        return [fixed.solve(parts[0])]
    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="fit") as pool:
        return list(pool.map(fixed.solve, parts))


@dataclass(frozen=True, slots=True)
class _SharedRows:
    """Background and negative rows, and the inverse of their regularised similarities."""

    rows: BasisRows
    background: int
    background_ridge: float
    inverse: NDArray[np.float64]

    @classmethod
    def of(cls, background: Background, negatives: BasisRows, elements: float) -> _SharedRows:
        """Prepare to solve for this number of elements at a time."""
        count = len(background.rows)
        ordinary = max(RIDGE * count / elements, RIDGE_OF_OTHERS_MIN)
        if not len(negatives):
            return cls(background.rows, count, ordinary, background.inverse(ordinary))
        rows = concatenate(background.rows, negatives)
        ridge = np.repeat([ordinary, RIDGE_OF_OTHERS_MIN], [count, len(negatives)])
        return cls(rows, count, ordinary, _inverse(rows, ridge))

    def solve(self, elements: BasisRows) -> _PartWeights:
        """Solve for elements by the Schur complement; leave-one-out values have closed forms.

        In ridge regression the leave-one-out value of a row is its target less its weight divided
        by its diagonal entry of the inverse (Cawley and Talbot, "Fast exact leave-one-out
        cross-validation of sparse least-squares support vector machines", 2004).
        """
        shared = self.rows.similarity(elements)
        reach = self.inverse @ shared
        schur = elements.similarity(elements) - shared.T @ reach
        schur[np.diag_indices(len(elements))] += RIDGE
        inverse = np.linalg.inv(schur)
        weights = inverse @ (1 + reach.sum(axis=0))
        fixed = -self.inverse.sum(axis=1) - reach @ weights
        ordinary = slice(self.background)
        diagonal = self.inverse.diagonal()[ordinary] + np.einsum(
            "ij,ij->i", reach[ordinary] @ inverse, reach[ordinary]
        )
        residuals = fixed[ordinary] / diagonal
        return _PartWeights(
            elements=weights,
            fixed=fixed,
            own=1 - RIDGE * weights,
            gain=weights / inverse.diagonal() - RIDGE * weights,
            ordinary=-1 - residuals,
            background_gain=residuals - self.background_ridge * fixed[ordinary],
        )


def _sum_similarities(
    rows: BasisRows, others: BasisRows, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The weighted sums of the similarities of rows to `others`, computed in blocks of these."""
    sums = np.zeros(len(rows))
    for block in blocks(len(others)):
        sums += rows.similarity(others[block]) @ weights[block]
    return sums


def _inverse(rows: BasisRows, ridge: NDArray[np.float64]) -> NDArray[np.float64]:
    regularised = rows.similarity(rows)
    regularised[np.diag_indices(len(rows))] += ridge
    return np.asarray(np.linalg.inv(regularised), np.float64)
