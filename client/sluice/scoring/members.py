"""Estimate the share of a background that an issue's class has: its members."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ELEMENTS_MIN = 3
"""Fewer elements do not show how far the class extends."""

_UPPER_LEVELS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
_LOWER_LEVELS = (0.3, 0.5, 0.7)
# The tail of the others is extrapolated from the rows between these quantiles; the upper one is
# lower if there may be many members.
_TAIL_FROM = 0.5
_TAIL_TO_MIN, _TAIL_TO_MAX = 0.75, 0.93
_ROWS_MIN = 3  # fewer rows cannot be told from the tail of the others
_DEVIATIONS = 1.64


@dataclass(frozen=True, slots=True)
class MemberShare:
    """The share of members in the background, 0 to 1, and an interval that usually holds it."""

    estimate: float
    low: float
    high: float


def estimate_share(
    leave_one_out: NDArray[np.float64], ordinary: NDArray[np.float64]
) -> MemberShare:
    """Estimate the share by the contrasts of `(elements,)` and `(background,)` rows, all left out.

    At most the share of background rows above a quantile of the elements, over that of elements
    (the mixture proportion of Blanchard, Lee and Scott, "Semi-Supervised Novelty Detection",
    2010): the least of several quantiles. At least what exceeds an exponential tail of the others.
    The estimate is the geometric mean of the two; the interval adds the sampling error of the
    numbers of elements and of members. On real data four of five intervals hold the share.
    """
    upper = _bound_above(leave_one_out, ordinary)
    tail_to = float(np.clip(1 - 2 * upper, _TAIL_TO_MIN, _TAIL_TO_MAX))
    lower = min(_bound_below(leave_one_out, ordinary, tail_to), upper)
    estimate = float(np.sqrt(lower * upper))
    error = np.sqrt(1 / (1 + estimate * len(ordinary)) + 1 / len(leave_one_out))
    factor = float(np.exp(_DEVIATIONS * error))
    return MemberShare(estimate, lower / factor, min(upper * factor, 1.0))


def _bound_above(leave_one_out: NDArray[np.float64], ordinary: NDArray[np.float64]) -> float:
    limits = np.quantile(leave_one_out, _UPPER_LEVELS)
    # Counts of one row and half an element more: none above a limit may be chance.
    rows = ((ordinary > limits[:, None]).sum(axis=1) + 1) / len(ordinary)
    count = len(leave_one_out)
    elements = ((1 - np.array(_UPPER_LEVELS)) * count + 0.5) / (count + 1)
    return min(float((rows / elements).min()), 1.0)


def _bound_below(
    leave_one_out: NDArray[np.float64], ordinary: NDArray[np.float64], tail_to: float
) -> float:
    start, end = np.quantile(ordinary, [_TAIL_FROM, tail_to])
    scale = max((end - start) / np.log((1 - _TAIL_FROM) / (1 - tail_to)), 1e-12)
    limits = np.quantile(leave_one_out, _LOWER_LEVELS)
    rows = (ordinary > limits[:, None]).mean(axis=1)
    beyond = np.maximum(limits - end, 0) / scale
    tail = np.where(limits > end, (1 - tail_to) * np.exp(-beyond), rows)
    excess = (rows - tail) / (1 - np.array(_LOWER_LEVELS))
    return max(float(np.median(excess)), _ROWS_MIN / len(ordinary))
