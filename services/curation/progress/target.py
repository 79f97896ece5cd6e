"""The target of the metric: whether it is reached, overall and in every slice."""

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
"""The name of the slice with all samples."""


class TargetReach(StrEnum):
    """The interval of a slice, compared with the target.

    It is over, under or around the target. `undetectable` is around it with so few samples that
    not even perfect results would be over it.
    """

    REACHED = "reached"
    OPEN = "open"
    MISSED = "missed"
    UNDETECTABLE = "undetectable"


class SliceTarget(Record, frozen=True, kw_only=True):
    """A slice's metric with Wilson's interval, compared with the target."""

    name: str
    samples: int
    mean: float
    interval: Interval
    reach: TargetReach


class TargetCheck(Record, frozen=True, kw_only=True):
    """The target, compared with the metric overall and in each slice.

    All slices must reach it, each at its own confidence: a claim that needs all of them needs no
    correction. With fewer samples than `samples_needed` not even a perfect slice surely reaches it.
    """

    target: float
    samples_needed: int
    overall: SliceTarget
    slices: tuple[SliceTarget, ...]

    @property
    def reached(self) -> bool:
        """Whether the metric surely reached the target overall and in every slice."""
        checked = (self.overall, *self.slices)
        return all(slice_target.reach is TargetReach.REACHED for slice_target in checked)

    def slices_with(self, reach: TargetReach) -> list[str]:
        """The names of the slices with that result."""
        return [slice_target.name for slice_target in self.slices if slice_target.reach is reach]


def check_target(
    values: NDArray[np.float64],
    target: float,
    slices: Mapping[str, NDArray[np.bool_]] | None = None,
) -> TargetCheck:
    """Compare `(samples,)` values in 0…1 with a target; slices are masks over the samples.

    Raises InvalidArgument for values or a target out of range, and for a slice of another length or
    without samples.
    """
    check_shares("values", values)
    if not 0 < target < 1:
        raise InvalidArgument.of("target", f"{target} is not between 0 and 1")
    slice_targets = []
    for name, mask in (slices or {}).items():
        check_text("slices", name)
        if mask.shape != values.shape or mask.dtype != np.bool_:
            problem = f"{mask.dtype} {mask.shape}; a mask is bool {values.shape}"
            raise InvalidArgument.of(f"slices[{name!r}]", problem)
        if not mask.any():
            raise InvalidArgument.of(f"slices[{name!r}]", "no samples; at least one is required")
        slice_targets.append(_measure_slice(name, values[mask], target))
    return TargetCheck(
        target=target,
        samples_needed=_samples_needed(target),
        overall=_measure_slice(OVERALL, values, target),
        slices=tuple(slice_targets),
    )


def _measure_slice(name: str, values: NDArray[np.float64], target: float) -> SliceTarget:
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
    """The fewest samples that reach the target if all are correct.

    Wilson's lower bound of n of n is n / (n + z²).
    """
    return math.ceil(normal_quantile(CONFIDENCE) ** 2 * target / (1 - target))
