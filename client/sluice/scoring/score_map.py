"""Map contrasts to scores by a strictly increasing curve, fixed when a version is committed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

SCALE_MIN = 0.05
"""The smallest scale: the slope is then at most 10, so rounding moves no score by 1e-5."""

_Parameter = float | NDArray[np.float64]

_SCORE_MIN, _SCORE_MAX = np.nextafter(0.0, 1.0), np.nextafter(1.0, 0.0)
_MEMBERS_BELOW = 0.10  # the share of elements that may be below the threshold
_MEMBERS_BELOW_MAX = 0.5  # the most that may be, to keep ordinary frames out
_ORDINARY_ABOVE = 0.04  # the share of ordinary frames that may be above the threshold
_RARELY_ABOVE = 0.01  # the same for issues with few elements
# Background rows that are members count too, as far as they are expected above the threshold.
_MEMBERS_ABOVE, _MEMBERS_RARELY_ABOVE = 0.7, 0.35
_SHARE_MAX = 0.2
# And the estimate of their share may fail: members hardly move the median and the quantile one
# deviation below it, so the limits are at most as many deviations above the median.
_ONE_SIGMA_BELOW = 0.16
_ORDINARY_SIGMAS_MAX, _RARELY_SIGMAS_MAX = 5, 6
_PRIOR_WEIGHT = 5  # in elements: the weight of the background in the threshold
# In spaces of few dimensions the rare limit may exceed every contrast, and nothing would match.
_WITHIN_REACH = 0.85
_LONE_ELEMENT_SIMILARITY = 0.67  # a cosine of 0.9: only near copies of a lone element match


@dataclass(frozen=True, slots=True)
class ScoreMap:
    """The contrast that scores 0.5, and how fast scores fall below and rise above it."""

    threshold: float
    below: float
    above: float

    def apply(self, contrasts: ArrayLike) -> NDArray[np.float64]:
        """The scores of contrasts of any shape; see `map_scores`."""
        return map_scores(contrasts, self.threshold, self.below, self.above)


def map_scores(
    contrasts: ArrayLike, threshold: _Parameter, below: _Parameter, above: _Parameter
) -> NDArray[np.float64]:
    """Map contrasts to scores in (0, 1), in float64; all arguments broadcast.

    Below the threshold ½·exp((c − t) / below), above it 1 − ½·exp(−(c − t) / above).
    """
    gap = np.asarray(contrasts, np.float64) - threshold
    falling = 0.5 * np.exp(np.minimum(gap, 0) / below)
    rising = 1 - 0.5 * np.exp(-np.maximum(gap, 0) / above)
    scores = np.where(gap < 0, falling, rising)
    return np.clip(scores, _SCORE_MIN, _SCORE_MAX, out=scores)


def unmap_scores(
    scores: NDArray[np.float64],
    threshold: NDArray[np.float64],
    below: NDArray[np.float64],
    above: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The contrasts that map to scores in [0, 1] (±∞ for 1 and 0); all arguments broadcast."""
    with np.errstate(divide="ignore"):
        falling = threshold + below * np.log(2 * np.minimum(scores, 0.5))
        rising = threshold - above * np.log(2 * (1 - np.maximum(scores, 0.5)))
    return np.asarray(np.where(scores < 0.5, falling, rising), np.float64)


def fit_score_map(
    leave_one_out: NDArray[np.float64],
    count: int,
    ordinary: NDArray[np.float64],
    reach: float,
    share: float = 0.0,
) -> tuple[ScoreMap, bool]:
    """Fit the curve so that most elements and few ordinary frames pass.

    `leave_one_out` are the leave-one-out contrasts of the `count` elements or of a sample of them
    (empty for a lone element), `ordinary` those of background rows (empty without a basis).
    `reach` is the contrast of a copy of an element, the highest to expect of any frame; `share` is
    that of members in the background. Nine of ten elements pass; if more than 4 % of ordinary
    frames would pass with them, fewer elements do, but at least half. The returned flag is then
    True: the issue is diverse, its elements are hardly more similar to each other than to the
    background.
    """
    members = leave_one_out
    if not ordinary.size:
        return _fit_to_members(members, reach), False
    median = float(np.median(ordinary))
    spread = median - float(np.quantile(ordinary, _ONE_SIGMA_BELOW))
    share = min(share, _SHARE_MAX)
    uncommon_above = _ORDINARY_ABOVE * (1 - share) + _MEMBERS_ABOVE * share
    rarely_above = _RARELY_ABOVE * (1 - share) + _MEMBERS_RARELY_ABOVE * share
    uncommon = _limit_above(ordinary, uncommon_above, median + _ORDINARY_SIGMAS_MAX * spread)
    rare = _limit_above(ordinary, rarely_above, median + _RARELY_SIGMAS_MAX * spread)
    low, high = rare, rare
    if members.size:
        low, high = np.quantile(members, [_MEMBERS_BELOW, _MEMBERS_BELOW_MAX]).tolist()
    start = max(low, min(uncommon, high))
    threshold = (count * start + _PRIOR_WEIGHT * rare) / (count + _PRIOR_WEIGHT)
    threshold = min(threshold, median + _WITHIN_REACH * max(reach - median, 0))
    return _make_score_map(threshold, threshold - median, members), low < uncommon


def _limit_above(ordinary: NDArray[np.float64], above: float, limit_max: float) -> float:
    return min(float(np.quantile(ordinary, 1 - above)), limit_max)


def _fit_to_members(members: NDArray[np.float64], reach: float) -> ScoreMap:
    """Fit the curve to elements alone, without a background."""
    if not members.size:
        return _make_score_map(_LONE_ELEMENT_SIMILARITY * reach, 0, members)
    threshold = float(np.quantile(members, _MEMBERS_BELOW))
    return _make_score_map(threshold, float(np.median(members)) - threshold, members)


def _make_score_map(threshold: float, below: float, members: NDArray[np.float64]) -> ScoreMap:
    above = float(members.max()) - threshold if members.size else 0.0
    return ScoreMap(threshold, max(below, SCALE_MIN), max(above, SCALE_MIN))
