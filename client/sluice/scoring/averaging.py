"""The average of several fits of one issue.

How much the remainder of a basis helps, and how well the elements' mean does, depends on the space
and on the issue. Each fit is weighted by how well it ranks elements that it was not fitted to
before the background (exponential weights: Dalalyan and Tsybakov, "Aggregation by exponential
weighting", 2008), starting from a prior. An average of fits is again one set of weights: it costs
nothing at scoring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TypeVar

import numpy as np

from sluice.scoring.regression import Contrasts, Floats, Solution

_RANKS_ADDED = 10  # to each rank: one good rank by luck decides nothing
_ELEMENTS_TO_TRUST = 9  # with fewer, the ranks count less
_SPREAD_MIN = 1e-6

_Fit = TypeVar("_Fit", Contrasts, Solution)


def weigh(fits: Sequence[Contrasts], prior: Floats) -> Floats:
    """The probability of each fit, `(fits,)`; `prior` `(fits,)` sums to 1.

    The prior times exp(2n / √(n + 9) · c), where c is the mean over the n elements of −log(rank
    among the background rows), all contrasts left out.
    """
    logarithms = np.log(prior)
    count = len(fits[0].leave_one_out)
    if count > 1:
        trust = 2 * count / np.sqrt(count + _ELEMENTS_TO_TRUST)
        logarithms += trust * np.array([_rank_elements(fit) for fit in fits])
    weights: Floats = np.exp(logarithms - logarithms.max())
    return np.asarray(weights / weights.sum(), np.float64)


def standardise(probabilities: Floats, fits: Sequence[Contrasts], regressions: int) -> Floats:
    """The factor of each fit in the average, `(fits,)`: contrasts count by their spread.

    The spread is that of the lower half of the background, which holds hardly any members. The
    first fits are the regressions; the average keeps the units of their contrasts.
    """
    if not fits[0].ordinary.size:
        return probabilities
    lower = [np.quantile(fit.ordinary, [0.5, 0.16]) for fit in fits]
    spreads = np.array([median - low for median, low in lower])
    factors = probabilities / np.maximum(spreads, _SPREAD_MIN)
    unit = probabilities[:regressions].sum() / factors[:regressions].sum()
    return np.asarray(factors * unit, np.float64)


def combine(factors: Floats, fits: Sequence[_Fit]) -> _Fit:
    """The weighted sum of fits."""

    def total(name: str) -> Floats:
        arrays = [getattr(fit, name) for fit in fits]
        return np.asarray(np.tensordot(factors, arrays, axes=1), np.float64)

    kind = type(fits[0])
    return kind(**{field.name: total(field.name) for field in fields(kind)})


def _rank_elements(fit: Contrasts) -> float:
    ordinary = np.sort(fit.ordinary)
    above = len(ordinary) - np.searchsorted(ordinary, fit.leave_one_out)
    return -float(np.log((above + _RANKS_ADDED) / (len(ordinary) + _RANKS_ADDED)).mean())
