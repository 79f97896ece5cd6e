"""From contrasts to scores: one strictly increasing curve per version, fixed at its commit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

SCALE_MIN = 0.05
"""The least scale on either side: the slope is at most 10, so rounding moves no score by 1e-5."""

_Parameter = float | NDArray[np.float64]

_SCORE_MIN, _SCORE_MAX = np.nextafter(0.0, 1.0), np.nextafter(1.0, 0.0)
_MEMBERS_BELOW = 0.10  # the share of elements that may be below the threshold
_MEMBERS_BELOW_MAX = 0.45  # and may at most, to keep ordinary frames out
_ORDINARY_ABOVE = 0.04  # the share of background rows that may be above
_RARELY_ABOVE = 0.01  # the same, where few elements are known
# Some background rows are of what the issue is about, 10 % if it is a common thing. They would
# move the quantiles above, but not the median and the quantile one deviation under it.
_ONE_SIGMA_BELOW = 0.16
_ORDINARY_SIGMAS_MAX, _RARELY_SIGMAS_MAX = 4, 5
_PRIOR_WEIGHT = 5  # in elements: how far a small issue leans on the background
# In spaces of few dimensions the rare limit can exceed every frame's contrast: no match at all.
_WITHIN_REACH = 0.85
_LONE_ELEMENT_SIMILARITY = 0.67  # a cosine of 0.9: of one element, only what is nearly it


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
    """The contrasts that have those scores in [0, 1], ±∞ for 1 and 0; all arguments broadcast."""
    with np.errstate(divide="ignore"):
        falling = threshold + below * np.log(2 * np.minimum(scores, 0.5))
        rising = threshold - above * np.log(2 * (1 - np.maximum(scores, 0.5)))
    return np.asarray(np.where(scores < 0.5, falling, rising), np.float64)


def fit_score_map(
    leave_one_out: NDArray[np.float64], count: int, ordinary: NDArray[np.float64], reach: float
) -> tuple[ScoreMap, bool]:
    """Choose the curve that lets most members pass and few ordinary frames.

    `leave_one_out` are contrasts of elements without themselves, of all `count` or of a sample,
    none for a lone element; `ordinary` those of background rows, none without a basis; `reach` is
    the contrast of a frame that is an element once more, the most that any frame can be expected
    to have. Nine of ten elements pass, unless more than 4 % of the background then pass too: then
    fewer do, at least 55 %. Also says whether that was so: the issue is diverse, its elements are
    hardly more like each other than like the background.
    """
    members = leave_one_out
    if not ordinary.size:
        return _fit_to_members(members, reach), False
    median = float(np.median(ordinary))
    spread = median - float(np.quantile(ordinary, _ONE_SIGMA_BELOW))
    uncommon = _upper(ordinary, _ORDINARY_ABOVE, median + _ORDINARY_SIGMAS_MAX * spread)
    rare = _upper(ordinary, _RARELY_ABOVE, median + _RARELY_SIGMAS_MAX * spread)
    low, high = rare, rare
    if members.size:
        low, high = np.quantile(members, [_MEMBERS_BELOW, _MEMBERS_BELOW_MAX]).tolist()
    start = max(low, min(uncommon, high))
    threshold = (count * start + _PRIOR_WEIGHT * rare) / (count + _PRIOR_WEIGHT)
    threshold = min(threshold, median + _WITHIN_REACH * max(reach - median, 0))
    return _score_map(threshold, threshold - median, members), low < uncommon


def _upper(ordinary: NDArray[np.float64], above: float, at_most: float) -> float:
    return min(float(np.quantile(ordinary, 1 - above)), at_most)


def _fit_to_members(members: NDArray[np.float64], reach: float) -> ScoreMap:
    """The curve when nothing is known of ordinary frames."""
    if not members.size:
        return _score_map(_LONE_ELEMENT_SIMILARITY * reach, 0, members)
    threshold = float(np.quantile(members, _MEMBERS_BELOW))
    return _score_map(threshold, float(np.median(members)) - threshold, members)


def _score_map(threshold: float, below: float, members: NDArray[np.float64]) -> ScoreMap:
    above = float(members.max()) - threshold if members.size else 0.0
    return ScoreMap(threshold, max(below, SCALE_MIN), max(above, SCALE_MIN))
