"""Kernel ridge regression: how much each element, negative and background row says of a frame.

The contrast of a frame is a weighted sum of its similarities. The weights are those for which
elements have a contrast near 1, negatives and background rows one near −1 (Saunders, Gammerman and
Vovk, "Ridge Regression Learning Algorithm in Dual Variables", 1998). Issues of more elements than
are solved at once are divided, and the parts' weights averaged (Zhang, Duchi and Wainwright,
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
"""Elements that are solved at once, in well under a second."""

ELEMENTS_PER_PART = 256
"""Of more elements, how many a part has: 50,000 then take seconds."""

LEAVE_ONE_OUT_MAX = 1_024
"""Elements that are compared without themselves; of more, quantiles move by some 1 %."""

RIDGE = 0.1
"""How far the contrast of an element may stay from 1, in units of its similarity to itself."""

RIDGE_OF_OTHERS_MIN = 1.0
"""The same of negatives, and at least of background rows: some are of what the issue is about, and
negatives are near it. At an element's weight they would take more from its surroundings than they
tell."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What each row's similarity is multiplied by: `(elements,)`, `(negatives,)`, `(background,)`.

    `own` are contrasts of a sample of the elements, and `leave_one_out` what these were without
    the element; `ordinary` `(background,)` what each background row's were without it, and
    `background_gains` `(background,)` what it adds to them. All float64.
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

    It is kept for the next issue of that size: who makes many models makes most of them from it.
    """

    def __init__(self, rows: BasisRows) -> None:
        self.rows = rows
        self._kept: tuple[float, NDArray[np.float64]] | None = None

    def inverse(self, ridge: float) -> NDArray[np.float64]:
        """The inverse of their similarities plus the ridge, `(rows, rows)`."""
        kept = self._kept
        if kept is None or kept[0] != ridge:
            kept = self._kept = ridge, _inverse(self.rows, np.full(len(self.rows), ridge))
        return kept[1]


def fit(elements: BasisRows, negatives: BasisRows, background: Background) -> Weights:
    """Weigh rows so that elements stand out against negatives and background.

    Elements and background weigh the same in sum, whatever their numbers, but no background row
    weighs more than a negative: a tenth of an element. Deterministic.
    """
    parts = _parts(len(elements))
    fixed = _SharedRows.of(background, negatives, len(elements) / parts)
    solved = _solve_all(fixed, [elements[part::parts] for part in range(parts)])
    weights, own, gain = np.empty((3, len(elements)))
    for part, part_weights in enumerate(solved):
        weights[part::parts] = part_weights.elements / parts
        own[part::parts], gain[part::parts] = part_weights.own, part_weights.gain / parts
    shared = np.mean([part_weights.fixed for part_weights in solved], axis=0)
    sample = evenly_spaced(len(elements), LEAVE_ONE_OUT_MAX)
    if parts > 1:
        own[sample] = _sums(elements[sample], elements, weights)
        own[sample] += _sums(elements[sample], fixed.rows, shared)
    return Weights(
        elements=weights,
        negatives=shared[fixed.background :],
        background=shared[: fixed.background],
        own=own[sample],
        leave_one_out=own[sample] - gain[sample],
        ordinary=np.mean([part_weights.ordinary for part_weights in solved], axis=0),
        background_gains=np.mean([part_weights.background_gain for part_weights in solved], axis=0),
    )


def _parts(elements: int) -> int:
    return 1 if elements <= ELEMENTS_SOLVED_MAX else -(-elements // ELEMENTS_PER_PART)


@dataclass(frozen=True, slots=True)
class _PartWeights:
    """The weights of one part of the elements, and of the rows that all parts share.

    `gain` and `background_gain` are what an element and a background row add to their own contrast.
    """

    elements: NDArray[np.float64]
    fixed: NDArray[np.float64]
    own: NDArray[np.float64]
    gain: NDArray[np.float64]
    ordinary: NDArray[np.float64]
    background_gain: NDArray[np.float64]


def _solve_all(fixed: _SharedRows, parts: Sequence[BasisRows]) -> list[_PartWeights]:
    """Solve each part; several on all cores, since 50,000 elements are 196 parts."""
    if len(parts) == 1:
        return [fixed.solve(parts[0])]
    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="fit") as pool:
        return list(pool.map(fixed.solve, parts))


@dataclass(frozen=True, slots=True)
class _SharedRows:
    """Background and negatives, and the inverse of their regularised similarities."""

    rows: BasisRows
    background: int
    background_ridge: float
    inverse: NDArray[np.float64]

    @classmethod
    def of(cls, background: Background, negatives: BasisRows, elements: float) -> _SharedRows:
        """Prepare to solve for that many elements at a time."""
        count = len(background.rows)
        ordinary = max(RIDGE * count / elements, RIDGE_OF_OTHERS_MIN)
        if not len(negatives):
            return cls(background.rows, count, ordinary, background.inverse(ordinary))
        rows = concatenate(background.rows, negatives)
        ridge = np.repeat([ordinary, RIDGE_OF_OTHERS_MIN], [count, len(negatives)])
        return cls(rows, count, ordinary, _inverse(rows, ridge))

    def solve(self, elements: BasisRows) -> _PartWeights:
        """Solve for elements by the Schur complement; leave-one-out values are closed forms.

        In ridge regression what a row's value were without it is its target less its weight over
        the diagonal of the inverse (Cawley and Talbot, "Fast exact leave-one-out
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
        without = fixed[ordinary] / diagonal
        return _PartWeights(
            elements=weights,
            fixed=fixed,
            own=1 - RIDGE * weights,
            gain=weights / inverse.diagonal() - RIDGE * weights,
            ordinary=-1 - without,
            background_gain=without - self.background_ridge * fixed[ordinary],
        )


def _sums(rows: BasisRows, others: BasisRows, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weighted sums of the similarities of rows to others, a block of these at a time."""
    sums = np.zeros(len(rows))
    for block in blocks(len(others)):
        sums += rows.similarity(others[block]) @ weights[block]
    return sums


def _inverse(rows: BasisRows, ridge: NDArray[np.float64]) -> NDArray[np.float64]:
    regularised = rows.similarity(rows)
    regularised[np.diag_indices(len(rows))] += ridge
    return np.asarray(np.linalg.inv(regularised), np.float64)
