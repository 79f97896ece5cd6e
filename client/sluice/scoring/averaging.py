"""Fit an issue with several weights of the remainder, and average the fits.

How much the remainder of a basis helps depends on the space and on the issue. Each fit is weighted
by how well it ranks elements that it was not fitted to before the background (exponential weights:
Dalalyan and Tsybakov, "Aggregation by exponential weighting", 2008), starting from a prior that
the space gives. An average of fits is again one set of weights: it costs nothing at scoring.

Issues with too many elements to solve at once are divided, and the parts' weights averaged (Zhang,
Duchi and Wainwright, "Divide and Conquer Kernel Ridge Regression", 2015).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from sluice.scoring.members import ELEMENTS_MIN, MemberShare, estimate_share
from sluice.scoring.regression import Background, Floats, SharedRows, Solution, System
from sluice.scoring.similarity import BasisRows, Similarities, concatenate
from sluice.scoring.vectors import blocks, evenly_spaced

ELEMENTS_SOLVED_MAX = 1_024
"""Limit on the elements solved at once, in well under a second."""

ELEMENTS_PER_PART = 256
"""Elements per part of a larger issue: 50,000 elements then take seconds."""

LEAVE_ONE_OUT_MAX = 1_024
"""Limit on the elements with a leave-one-out contrast; a sample moves quantiles by some 1 %."""

REMAINDER_WEIGHTS = (0.0, 0.1, 0.3, 1.0)
"""The weights of the remainder that are tried."""

# The prior of each in a space with a remainder of noise, and in one with a remainder of structure.
_PRIOR_OF_NOISE = np.array([0.4, 0.3, 0.2, 0.1])
_PRIOR_OF_STRUCTURE = np.array([0.02, 0.08, 0.40, 0.50])
# Of 1,000 products of noise the largest is some 3.2 deviations.
_NOISE_DEVIATIONS, _STRUCTURE_DEVIATIONS = 4, 6
_NEIGHBOURS_PER_ROW = 100  # one row in this many is a neighbour

_PROBABILITY_MIN = 0.05  # of a fit that is worth its time in an issue of many parts
_RANKS_ADDED = 10  # to each rank: one good rank by luck decides nothing
_ELEMENTS_TO_TRUST = 9  # with fewer, the ranks count less
_SPREAD_MIN = 1e-6

_SET_ASIDE_MAX = 0.1  # of the background
_ELEMENTS_TO_HALVE = 30  # with this many elements, half of the estimated members are set aside


@dataclass(frozen=True, slots=True)
class Weights:
    """The weight of each row: `(elements,)`, `(negatives,)`, `(background,)`.

    `remainder` `(further,)` is the weighted sum of the rows' remainders. `own` are the contrasts of
    a sample of the elements, `leave_one_out` their contrasts to a fit without the element.
    `ordinary` `(background,)` are the leave-one-out contrasts of background rows,
    `background_gains` `(background,)` how much each adds to its own contrast. All float64.

    `remainder_weight` is the average weight of the remainder, `members` the estimated share of
    members in the background (None for fewer than three elements or without a background), and
    `set_aside` the number of background rows that were left out as probable members.
    """

    elements: Floats
    negatives: Floats
    background: Floats
    remainder: Floats
    own: Floats
    leave_one_out: Floats
    ordinary: Floats
    background_gains: Floats
    remainder_weight: float
    members: MemberShare | None
    set_aside: int


def measure_structure(rows: BasisRows) -> float:
    """How much structure the remainders of background rows have, from 0 (noise) to 1.

    The largest product of a row's remainder with those of all others but its nearest percent (these
    may be near copies), over the deviation of all products: the median over rows. Some 3.2 is that
    of noise; rare frames that share what the first components leave out have far more.
    """
    count = len(rows)
    if count < 2 or not rows.remainder.shape[1]:
        return 0.0
    similar = rows.similarities(rows)
    products = similar.products
    np.fill_diagonal(products, 0)
    deviation = float(np.sqrt(np.square(products).sum() / (count * (count - 1))))
    np.fill_diagonal(similar.projected, -np.inf)
    rank = count - 1 - max(count // _NEIGHBOURS_PER_ROW, 1)
    limits = np.partition(similar.projected, rank, axis=1)[:, rank, None]
    np.copyto(products, -np.inf, where=similar.projected > limits)
    np.fill_diagonal(products, -np.inf)
    largest = float(np.median(products.max(axis=1)))
    deviations = largest / deviation if deviation else 0.0
    span = _STRUCTURE_DEVIATIONS - _NOISE_DEVIATIONS
    return float(np.clip((deviations - _NOISE_DEVIATIONS) / span, 0, 1))


def fit(
    elements: BasisRows, negatives: BasisRows, background: Background, structure: float
) -> Weights:
    """Fit the weights of all rows; `structure` is that of the space. Deterministic."""
    parts = _count_parts(len(elements))
    weights = np.array(REMAINDER_WEIGHTS if elements.remainder.shape[1] else (0.0,))
    shared = [SharedRows.of(background, negatives, len(elements) / parts, w) for w in weights]
    shared_rows = concatenate(background.rows, negatives)
    systems = _Part.of(elements[::parts], shared_rows).systems(shared)
    solutions = [system.solve() for system in systems]
    probabilities = _weigh(solutions, structure)
    if parts > 1:
        kept = np.flatnonzero(probabilities >= _PROBABILITY_MIN)
        weights, probabilities = weights[kept], probabilities[kept]
        shared = [shared[index] for index in kept]
        solutions = _solve_parts(elements, shared_rows, shared, parts)
    shares = _standardise(probabilities, solutions)
    solution = _average(shares, solutions)
    sample = evenly_spaced(len(elements), LEAVE_ONE_OUT_MAX)
    members = _estimate_members(solution, sample)
    aside = _probable_members(members, solution, parts)
    if aside.size:
        solutions = [system.set_aside(aside) for system in systems]
        solution = _average(shares, solutions)
    remainder = _sum_remainders(shares * weights, solutions, elements, shared_rows)
    own = solution.own[sample]
    if parts > 1:
        own = elements.remainder[sample] @ remainder
        own += _sum_similarities(elements[sample], elements, solution.elements)
        own += _sum_similarities(elements[sample], shared_rows, solution.shared)
    count = len(background.rows)
    return Weights(
        elements=solution.elements,
        negatives=solution.shared[count:],
        background=solution.shared[:count],
        remainder=remainder,
        own=own,
        leave_one_out=own - solution.gains[sample],
        ordinary=solution.ordinary,
        background_gains=solution.background_gains,
        remainder_weight=float(shares @ weights),
        members=members,
        set_aside=len(aside),
    )


def _count_parts(elements: int) -> int:
    return 1 if elements <= ELEMENTS_SOLVED_MAX else -(-elements // ELEMENTS_PER_PART)


@dataclass(frozen=True, slots=True)
class _Part:
    """The similarities of some elements to the shared rows and among themselves."""

    to_shared: Similarities
    among: Similarities

    @classmethod
    def of(cls, elements: BasisRows, shared_rows: BasisRows) -> _Part:
        return cls(shared_rows.similarities(elements), elements.similarities(elements))

    def systems(self, shared: Sequence[SharedRows]) -> list[System]:
        """The equations with each weight of the remainder."""
        return [
            rows.system(
                self.to_shared.total(rows.remainder_weight), self.among.total(rows.remainder_weight)
            )
            for rows in shared
        ]


def _weigh(solutions: Sequence[Solution], structure: float) -> Floats:
    """The probability of each fit, `(fits,)`.

    The prior times exp(2n / √(n + 9) · c), where c is the mean over the n elements of −log(rank
    among the background rows), all contrasts left out.
    """
    if len(solutions) == 1:
        return np.ones(1)
    prior = (1 - structure) * _PRIOR_OF_NOISE + structure * _PRIOR_OF_STRUCTURE
    count = len(solutions[0].elements)
    logarithms = np.log(prior)
    if count > 1:
        trust = 2 * count / np.sqrt(count + _ELEMENTS_TO_TRUST)
        logarithms += trust * np.array([_rank_elements(fitted) for fitted in solutions])
    weights: Floats = np.exp(logarithms - logarithms.max())
    return np.asarray(weights / weights.sum(), np.float64)


def _rank_elements(solution: Solution) -> float:
    ordinary = np.sort(solution.ordinary)
    above = len(ordinary) - np.searchsorted(ordinary, solution.leave_one_out)
    return -float(np.log((above + _RANKS_ADDED) / (len(ordinary) + _RANKS_ADDED)).mean())


def _standardise(probabilities: Floats, solutions: Sequence[Solution]) -> Floats:
    """The share of each fit in the average, `(fits,)`: contrasts count in units of their spread.

    The spread is that of the lower half of the background, which holds hardly any members.
    """
    if not solutions[0].ordinary.size:
        return np.asarray(probabilities / probabilities.sum(), np.float64)
    lower = [np.quantile(fitted.ordinary, [0.5, 0.16]) for fitted in solutions]
    spreads = np.array([median - low for median, low in lower])
    shares = probabilities / np.maximum(spreads, _SPREAD_MIN)
    return np.asarray(shares / shares.sum(), np.float64)


def _average(shares: Floats, solutions: Sequence[Solution]) -> Solution:
    if len(solutions) == 1:
        return solutions[0]

    def average(name: str) -> Floats:
        arrays = [getattr(fitted, name) for fitted in solutions]
        return np.asarray(np.tensordot(shares, arrays, axes=1), np.float64)

    return Solution(**{field.name: average(field.name) for field in fields(Solution)})


def _estimate_members(solution: Solution, sample: NDArray[np.intp]) -> MemberShare | None:
    if len(solution.elements) < ELEMENTS_MIN or not solution.ordinary.size:
        return None
    return estimate_share(solution.leave_one_out[sample], solution.ordinary)


def _probable_members(
    members: MemberShare | None, solution: Solution, parts: int
) -> NDArray[np.intp]:
    """The background rows to set aside: those with the largest contrasts.

    The background is unlabelled: rows that belong to the issue would lower the contrasts around
    them. The fewer elements, the less these outweigh such rows. In parts they outweigh them.
    """
    if members is None or parts > 1:
        return np.empty(0, np.intp)
    share = min(members.estimate, _SET_ASIDE_MAX)
    share /= 1 + len(solution.elements) / _ELEMENTS_TO_HALVE
    count = round(share * len(solution.ordinary))
    return np.argsort(-solution.ordinary, kind="stable")[:count]


def _solve_parts(
    elements: BasisRows, shared_rows: BasisRows, shared: Sequence[SharedRows], parts: int
) -> list[Solution]:
    """Solve all parts on all cores, and average them: 50,000 elements are 196 parts."""

    def solve(part: int) -> list[Solution]:
        similar = _Part.of(elements[part::parts], shared_rows)
        return [system.solve() for system in similar.systems(shared)]

    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="fit") as pool:
        by_part = list(pool.map(solve, range(parts)))
    return [_merge(solutions, len(elements)) for solutions in zip(*by_part, strict=True)]


def _merge(solutions: Sequence[Solution], elements: int) -> Solution:
    """One solution of all elements, whose contrasts are the means of the parts' contrasts."""
    parts = len(solutions)
    weights, gains = np.empty((2, elements))
    for part, solution in enumerate(solutions):
        weights[part::parts], gains[part::parts] = solution.elements, solution.gains
    shared, ordinary, background_gains = (
        np.mean([getattr(solution, name) for solution in solutions], axis=0)
        for name in ("shared", "ordinary", "background_gains")
    )
    return Solution(weights / parts, gains / parts, shared, ordinary, background_gains)


def _sum_remainders(
    factors: Floats, solutions: Sequence[Solution], elements: BasisRows, shared_rows: BasisRows
) -> Floats:
    of_elements = factors @ [solution.elements for solution in solutions]
    of_shared = factors @ [solution.shared for solution in solutions]
    sums = of_elements @ elements.remainder + of_shared @ shared_rows.remainder
    return np.asarray(sums, np.float64)


def _sum_similarities(rows: BasisRows, others: BasisRows, weights: Floats) -> Floats:
    """The weighted sums of the rows' similarities without remainders, in blocks of `others`."""
    sums = np.zeros(len(rows))
    for block in blocks(len(others)):
        sums += rows.similarities(others[block]).projected @ weights[block]
    return sums
