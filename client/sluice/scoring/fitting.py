"""Fit the weights of an issue's elements, its negatives and the background.

The regression is fitted with several weights of the remainder, and averaged with the prototype of
the elements. Issues with too many elements to solve at once are divided, and the parts' weights
averaged (Zhang, Duchi and Wainwright, "Divide and Conquer Kernel Ridge Regression", 2015).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sluice.scoring.averaging import combine, standardise, weigh
from sluice.scoring.members import ELEMENTS_MIN, MemberShare, estimate_share
from sluice.scoring.prototype import Prototype
from sluice.scoring.regression import (
    Background,
    Contrasts,
    Floats,
    SharedRows,
    Solution,
    System,
)
from sluice.scoring.similarity import BasisRows, concatenate
from sluice.scoring.space import SpaceFacts
from sluice.scoring.vectors import blocks, evenly_spaced

ELEMENTS_SOLVED_MAX = 1_024
"""Limit on the elements solved at once, in well under a second."""

ELEMENTS_PER_PART = 256
"""Elements per part of a larger issue: 50,000 elements then take seconds."""

LEAVE_ONE_OUT_MAX = 1_024
"""Limit on the elements with a leave-one-out contrast; a sample moves quantiles by some 1 %."""

REMAINDER_WEIGHTS = (0.0, 0.1, 0.3, 1.0)
"""The weights of the remainder that are tried."""

_PROBABILITY_MIN = 0.05  # of a fit that is worth its time in an issue of many parts

_SET_ASIDE_MAX = 0.1  # of the background
_ELEMENTS_TO_HALVE = 30  # with this many elements, half of the estimated members are set aside


@dataclass(frozen=True, slots=True)
class Weights:
    """The weight of each row: `(elements,)`, `(negatives,)`, `(background,)`.

    `remainder` `(further,)` is the weighted sum of the rows' remainders. `background_gains`
    `(background,)` is how much each background row adds to its own contrast. `prototype` is the
    prototype times its factor, None where it has no part. `contrasts` are those of a sample of the
    elements and of all background rows. All float64.

    `remainder_weight` is the average weight of the remainder, `prototype_share` the share of the
    prototype in the average, `members` the estimated share of members in the background (None for
    fewer than three elements or without a background), and `set_aside` the number of background
    rows that were left out as probable members.
    """

    elements: Floats
    negatives: Floats
    background: Floats
    remainder: Floats
    background_gains: Floats
    prototype: Prototype | None
    contrasts: Contrasts
    remainder_weight: float
    prototype_share: float
    members: MemberShare | None
    set_aside: int


@dataclass(frozen=True, slots=True)
class _Regressions:
    """Regressions of the same rows with several weights of the remainder, `(fits,)`."""

    elements: BasisRows
    shared_rows: BasisRows
    remainder_weights: Floats
    shared: list[SharedRows]

    @classmethod
    def of(
        cls, elements: BasisRows, negatives: BasisRows, background: Background, parts: int
    ) -> _Regressions:
        """Regressions of elements that are solved in this many parts."""
        weights = REMAINDER_WEIGHTS if elements.remainder.shape[1] else (0.0,)
        count = len(elements) / parts
        shared = [SharedRows.of(background, negatives, count, weight) for weight in weights]
        return cls(elements, concatenate(background.rows, negatives), np.array(weights), shared)

    def only(self, kept: NDArray[np.intp]) -> _Regressions:
        """The regressions with these indices."""
        shared = [self.shared[index] for index in kept]
        return _Regressions(self.elements, self.shared_rows, self.remainder_weights[kept], shared)

    def systems(self, part: int, parts: int) -> list[System]:
        """The solved equations of every `parts`-th element, beginning at `part`."""
        elements = self.elements[part::parts]
        to_shared = self.shared_rows.similarities(elements)
        among = elements.similarities(elements)
        return [
            rows.system(to_shared.total(rows.remainder_weight), among.total(rows.remainder_weight))
            for rows in self.shared
        ]

    def sum_remainders(self, factors: Floats, solutions: Sequence[Solution]) -> Floats:
        """The weighted sum of the rows' remainders in the sum of solutions, `(further,)`."""
        weighted = combine(factors * self.remainder_weights, solutions)
        sums = weighted.elements @ self.elements.remainder
        return np.asarray(sums + weighted.shared @ self.shared_rows.remainder, np.float64)


def fit(
    elements: BasisRows, negatives: BasisRows, background: Background, space: SpaceFacts
) -> Weights:
    """Fit the weights of all rows. Deterministic."""
    parts = 1 if len(elements) <= ELEMENTS_SOLVED_MAX else -(-len(elements) // ELEMENTS_PER_PART)
    regressions = _Regressions.of(elements, negatives, background, parts)
    systems = regressions.systems(0, parts)
    if parts > 1:
        return _fit_parts(regressions, systems, space, parts)
    return _fit_at_once(regressions, systems, background.rows, space)


def _fit_at_once(
    regressions: _Regressions, systems: Sequence[System], background: BasisRows, space: SpaceFacts
) -> Weights:
    elements = regressions.elements
    solutions = [system.solve() for system in systems]
    fits = [solution.contrasts for solution in solutions]
    prior, prototype = space.remainder_prior(len(fits)), None
    share = space.prototype_prior(len(elements))
    if space.widths is not None and share and len(background):
        prototype = Prototype.of(elements, space.widths)
        fits.append(prototype.contrasts(elements, background, space.widths))
        prior = np.append((1 - share) * prior, share)
    probabilities = weigh(fits, prior)
    factors = standardise(probabilities, fits, len(solutions))
    contrasts = combine(factors, fits)
    members = _estimate_members(contrasts)
    aside = _probable_members(members, contrasts)
    if aside.size:
        solutions = [system.set_aside(aside) for system in systems]
        fits[: len(solutions)] = [solution.contrasts for solution in solutions]
        contrasts = combine(factors, fits)
    of_regressions = factors[: len(solutions)]
    weights = _weights(
        regressions,
        combine(of_regressions, solutions),
        regressions.sum_remainders(of_regressions, solutions),
        contrasts,
        of_regressions,
        members,
    )
    weights = replace(weights, set_aside=len(aside))
    if prototype is None:
        return weights
    prototype = prototype.times(float(factors[-1]))
    return replace(weights, prototype=prototype, prototype_share=float(probabilities[-1]))


def _fit_parts(
    regressions: _Regressions, systems: Sequence[System], space: SpaceFacts, parts: int
) -> Weights:
    """The first part decides which regressions are worth their time.

    So many elements need no prototype, and outweigh the members in the background.
    """
    fits = [system.solve().contrasts for system in systems]
    probabilities = weigh(fits, space.remainder_prior(len(fits)))
    kept = np.flatnonzero(probabilities >= _PROBABILITY_MIN)
    regressions = regressions.only(kept)
    probabilities = probabilities[kept] / probabilities[kept].sum()
    solutions = _solve_parts(regressions, parts)
    factors = standardise(probabilities, [each.contrasts for each in solutions], len(solutions))
    solution = combine(factors, solutions)
    remainder = regressions.sum_remainders(factors, solutions)
    elements = regressions.elements
    sample = evenly_spaced(len(elements), LEAVE_ONE_OUT_MAX)
    own = elements.remainder[sample] @ remainder
    own += _sum_similarities(elements[sample], elements, solution.elements)
    own += _sum_similarities(elements[sample], regressions.shared_rows, solution.shared)
    contrasts = Contrasts(own, own - solution.gains[sample], solution.ordinary)
    members = _estimate_members(contrasts)
    return _weights(regressions, solution, remainder, contrasts, factors, members)


def _weights(
    regressions: _Regressions,
    solution: Solution,
    remainder: Floats,
    contrasts: Contrasts,
    factors: Floats,
    members: MemberShare | None,
) -> Weights:
    """The weights of the sum of the regressions times `factors`, without a prototype."""
    background = len(solution.ordinary)
    shares = factors / factors.sum()
    return Weights(
        elements=solution.elements,
        negatives=solution.shared[background:],
        background=solution.shared[:background],
        remainder=remainder,
        background_gains=solution.background_gains,
        prototype=None,
        contrasts=contrasts,
        remainder_weight=float(shares @ regressions.remainder_weights),
        prototype_share=0.0,
        members=members,
        set_aside=0,
    )


def _estimate_members(contrasts: Contrasts) -> MemberShare | None:
    if len(contrasts.own) < ELEMENTS_MIN or not contrasts.ordinary.size:
        return None
    return estimate_share(contrasts.leave_one_out, contrasts.ordinary)


def _probable_members(members: MemberShare | None, contrasts: Contrasts) -> NDArray[np.intp]:
    """The background rows to set aside: those with the largest contrasts.

    The background is unlabelled: rows that belong to the issue would lower the contrasts around
    them. The fewer elements, the less these outweigh such rows.
    """
    if members is None:
        return np.empty(0, np.intp)
    share = min(members.estimate, _SET_ASIDE_MAX)
    share /= 1 + len(contrasts.own) / _ELEMENTS_TO_HALVE
    count = round(share * len(contrasts.ordinary))
    return np.argsort(-contrasts.ordinary, kind="stable")[:count]


def _solve_parts(regressions: _Regressions, parts: int) -> list[Solution]:
    """Solve all parts on all cores, and average them: 50,000 elements are 196 parts."""

    def solve(part: int) -> list[Solution]:
        return [system.solve() for system in regressions.systems(part, parts)]

    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="fit") as pool:
        by_part = list(pool.map(solve, range(parts)))
    count = len(regressions.elements)
    return [_merge(solutions, count) for solutions in zip(*by_part, strict=True)]


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


def _sum_similarities(rows: BasisRows, others: BasisRows, weights: Floats) -> Floats:
    """The weighted sums of the rows' similarities without remainders, in blocks of `others`."""
    sums = np.zeros(len(rows))
    for block in blocks(len(others)):
        sums += rows.similarities(others[block]).projected @ weights[block]
    return sums
