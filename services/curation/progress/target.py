"""Whether the metric has reached its target, overall and in every slice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.curation.intervals import CONFIDENCE, Interval, normal_quantile, wilson
from services.curation.progress.metric import check_shares
from services.records.records import Record
from sluice.checks import check_text
from sluice.errors import InvalidArgument

OVERALL: Final = ""
"""The name of the slice that is everything."""


class TargetReach(StrEnum):
    """How a slice stands to the target.

    The interval lies over it, under it, or around it; `undetectable` is around it where even
    flawless results of so few samples could not lie over it.
    """

    REACHED = "reached"
    OPEN = "open"
    MISSED = "missed"
    UNDETECTABLE = "undetectable"


class SliceTarget(Record, frozen=True, kw_only=True):
    """A slice's metric with Wilson's interval, and how it stands to the target."""

    name: str
    samples: int
    mean: float
    interval: Interval
    reach: TargetReach


class TargetCheck(Record, frozen=True, kw_only=True):
    """The target, and how everything and each slice stand to it.

    All slices must reach it, each at its own confidence: a claim that needs all of them needs no
    correction. With fewer than `samples_needed` even a flawless slice could not surely do so.
    """

    target: float
    samples_needed: int
    overall: SliceTarget
    slices: tuple[SliceTarget, ...]

    @property
    def reached(self) -> bool:
        """Whether everything, and every slice, surely reached the target."""
        return all(found.reach is TargetReach.REACHED for found in (self.overall, *self.slices))

    def slices_at(self, reach: TargetReach) -> list[str]:
        """The names of the slices that stand so."""
        return [found.name for found in self.slices if found.reach is reach]


def check_target(
    values: NDArray[np.float64],
    target: float,
    slices: Mapping[str, NDArray[np.bool_]] | None = None,
) -> TargetCheck:
    """Hold `(samples,)` values in 0…1 against a target; slices are masks over the samples.

    Raises InvalidArgument for values or a target that are no shares, and for a slice that has
    another length or no sample.
    """
    check_shares("values", values)
    if not 0 < target < 1:
        raise InvalidArgument.of("target", f"{target} is not between 0 and 1")
    found = []
    for name, mask in (slices or {}).items():
        check_text("slices", name)
        if mask.shape != values.shape or mask.dtype != np.bool_:
            problem = f"is {mask.dtype} {mask.shape}; a mask is bool {values.shape}"
            raise InvalidArgument.of(f"slices[{name!r}]", problem)
        if not mask.any():
            raise InvalidArgument.of(f"slices[{name!r}]", "has no sample; at least one is needed")
        found.append(_stand(name, values[mask], target))
    return TargetCheck(
        target=target,
        samples_needed=_samples_needed(target),
        overall=_stand(OVERALL, values, target),
        slices=tuple(found),
    )


def _stand(name: str, values: NDArray[np.float64], target: float) -> SliceTarget:
    samples = len(values)
    interval = wilson(min(samples, float(values.sum())), samples)
    if interval.low >= target:
        reach = TargetReach.REACHED
    elif interval.high < target:
        reach = TargetReach.MISSED
    else:
        reach = TargetReach.UNDETECTABLE if samples < _samples_needed(target) else TargetReach.OPEN
    return SliceTarget(
        name=name, samples=samples, mean=float(values.mean()), interval=interval, reach=reach
    )


def _samples_needed(target: float) -> int:
    """The fewest samples of which all right have their lower bound at the target.

    Of n of n Wilson's lower bound is n / (n + z²).
    """
    return math.ceil(normal_quantile(CONFIDENCE) ** 2 * target / (1 - target))
