"""From contrasts to scores: one strictly increasing curve per version, fixed at its commit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

SCALE_MIN = 0.05
"""The least scale on either side: the slope is at most 10, so rounding moves no score by 1e-5."""

_Parameter = float | NDArray[np.float64]

_SCORE_MIN, _SCORE_MAX = np.nextafter(0.0, 1.0), np.nextafter(1.0, 0.0)
_MEMBERS_BELOW = 0.10  # the share of elements that may lie below the threshold point
_ONE_SIGMA_BELOW = 0.16  # the quantile of a normal distribution one deviation under its median
_PRIOR_WEIGHT = 5  # in elements: how far a small issue leans on the background
# In spaces of few dimensions m + 4s can lie beyond what any frame has: then nothing would match.
_WITHIN_REACH = 0.85
_LONE_ELEMENT_THRESHOLD = 0.9  # one element, no background: only what is nearly it


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


def fit_score_map(
    leave_one_out: NDArray[np.float32],
    unique_count: int,
    background: NDArray[np.float32] | None,
    reach: float = np.inf,
) -> tuple[ScoreMap, bool]:
    """Choose the curve that lets most members pass and few ordinary frames.

    `leave_one_out` are contrasts of elements to the others, none for a lone element;
    `unique_count` is how many unique elements there are; `background` are the contrasts of
    background rows, None without a basis; `reach` is the contrast of a frame that is an element
    once more, the most that any frame can be expected to have. Also says whether the issue is
    diverse: its elements are so unlike each other that the background decided the threshold.
    """
    members = leave_one_out.astype(np.float64)
    if background is None:
        return _fit_to_members(members), False
    median = float(np.median(background))
    spread = median - float(np.quantile(background, _ONE_SIGMA_BELOW))
    rare = median + 4 * spread
    low = float(np.quantile(members, _MEMBERS_BELOW)) if members.size else rare
    uncommon = median + 2 * spread
    start = max(low, uncommon)
    threshold = (unique_count * start + _PRIOR_WEIGHT * rare) / (unique_count + _PRIOR_WEIGHT)
    threshold = min(threshold, median + _WITHIN_REACH * max(reach - median, 0))
    return _score_map(threshold, threshold - median, members), low < uncommon


def _fit_to_members(members: NDArray[np.float64]) -> ScoreMap:
    """The curve when nothing is known of ordinary frames."""
    if not members.size:
        return _score_map(_LONE_ELEMENT_THRESHOLD, 0, members)
    threshold = float(np.quantile(members, _MEMBERS_BELOW))
    return _score_map(threshold, float(np.median(members)) - threshold, members)


def _score_map(threshold: float, below: float, members: NDArray[np.float64]) -> ScoreMap:
    above = float(members.max()) - threshold if members.size else 0.0
    return ScoreMap(threshold, max(below, SCALE_MIN), max(above, SCALE_MIN))
