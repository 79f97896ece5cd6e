"""The metric of a round, and its change between rounds, on the same validation samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.curation.intervals import (
    CONFIDENCE,
    Interval,
    bootstrap_mean,
    normal_quantile,
    wilson,
)
from services.records.records import Record
from sluice.checks import check_count, check_unique
from sluice.errors import InvalidArgument

POWER: Final = 0.8
"""Probability of finding a difference of the detectable size; usual in planning experiments."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoundMetric:
    """One round's metric of each validation sample: `(samples,)` in 0…1, higher is better.

    Values are ones and zeros for correct and wrong, or shares such as an image's F1; their mean is
    the round's metric.
    """

    round: int
    sample_ids: Sequence[str]
    values: NDArray[np.float64]

    def check(self, field: str = "metric") -> None:
        """Raise InvalidArgument naming the first invalid value, below `field`."""
        check_count(f"{field}.round", self.round)
        check_unique(f"{field}.sample_ids", "sample", self.sample_ids)
        if self.values.shape != (len(self.sample_ids),):
            problem = f"{self.values.shape} values for {len(self.sample_ids)} sample_ids"
            raise InvalidArgument.of(f"{field}.values", problem)
        check_shares(f"{field}.values", self.values)


class RoundPoint(Record, frozen=True, kw_only=True):
    """The metric of a round, with Wilson's interval."""

    round: int
    samples: int
    mean: float
    interval: Interval


class MetricChange(Record, frozen=True, kw_only=True):
    """The change between two rounds, on the samples of both, with a paired bootstrap interval.

    `detectable` is the difference that this validation size finds four times of five; a smaller
    one may stay undetected.
    """

    earlier: int
    later: int
    samples: int
    difference: float
    interval: Interval
    detectable: float


def measure_point(metric: RoundMetric) -> RoundPoint:
    """The mean of a round's metric with its interval; InvalidArgument for an invalid metric."""
    metric.check()
    samples = len(metric.values)
    return RoundPoint(
        round=metric.round,
        samples=samples,
        mean=float(metric.values.mean()),
        interval=wilson(min(samples, float(metric.values.sum())), samples),
    )


def measure_change(earlier: RoundMetric, later: RoundMetric) -> MetricChange:
    """The change from one round to another; InvalidArgument if they share no sample."""
    # Sums of floats depend on their order, so samples in any order must give the same sum.
    differences = np.sort(_differences(earlier, later))
    if not len(differences):
        problem = f"rounds {earlier.round} and {later.round} have no common sample"
        raise InvalidArgument.of("sample_ids", problem)
    return MetricChange(
        earlier=earlier.round,
        later=later.round,
        samples=len(differences),
        difference=float(differences.mean()),
        interval=bootstrap_mean(differences),
        detectable=detectable_difference(float(differences.std()), len(differences)),
    )


def _differences(earlier: RoundMetric, later: RoundMetric) -> NDArray[np.float64]:
    """Later minus earlier values of the samples of both, `(shared,)`."""
    if earlier.sample_ids == later.sample_ids:
        return later.values - earlier.values
    row = dict(zip(earlier.sample_ids, range(len(earlier.sample_ids)), strict=True))
    rows = np.array([row.get(sample, -1) for sample in later.sample_ids], np.intp)
    shared = rows >= 0
    return later.values[shared] - earlier.values[rows[shared]]


def detectable_difference(deviation: float, samples: int) -> float:
    """The smallest mean of paired differences that is found with probability `POWER`, at most 1.

    (z of the level + z of the power) · deviation / √samples. At least one changed sample is
    assumed: none in a hundred does not mean none in a thousand.
    """
    if samples < 1:
        raise InvalidArgument.of("samples", f"{samples} is not over 0")
    deviation = max(deviation, samples**-0.5)
    z = normal_quantile(CONFIDENCE) + normal_quantile(2 * POWER - 1)
    return float(min(1.0, z * deviation / samples**0.5))


def check_shares(field: str, values: NDArray[np.float64]) -> None:
    """Refuse values out of 0…1, naming the first one, and no values."""
    if not len(values):
        raise InvalidArgument.of(field, "no values; at least one is required")
    invalid = np.flatnonzero(~((values >= 0) & (values <= 1)))
    if len(invalid):
        raise InvalidArgument.of(f"{field}[{invalid[0]}]", f"{values[invalid[0]]} is not in 0…1")
