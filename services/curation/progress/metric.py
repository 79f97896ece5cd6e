"""The metric of each round, and what changed between rounds, on the same validation samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
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
"""How often a difference of the detectable size is found; the custom in planning experiments."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoundMetric:
    """One round's metric of each validation sample: `(samples,)` in 0…1, higher is better.

    Zeros and ones for what is right or wrong, or a share such as an image's own F1; the mean over
    samples is the round's metric.
    """

    round: int
    sample_ids: Sequence[str]
    values: NDArray[np.float64]

    def check(self, field: str = "metric") -> None:
        """Raise InvalidArgument naming what is wrong, and where below `field`."""
        check_count(f"{field}.round", self.round)
        check_unique(f"{field}.sample_ids", "sample", self.sample_ids)
        if self.values.shape != (len(self.sample_ids),):
            problem = f"{self.values.shape} beside {len(self.sample_ids)} sample_ids"
            raise InvalidArgument.of(f"{field}.values", problem)
        check_shares(f"{field}.values", self.values)


class RoundPoint(Record, frozen=True, kw_only=True):
    """The metric of a round, with Wilson's interval."""

    round: int
    samples: int
    mean: float
    interval: Interval


class MetricChange(Record, frozen=True, kw_only=True):
    """What changed between two rounds, on the samples of both.

    The interval is the paired bootstrap's. `detectable` is the difference that this validation
    size finds four times of five; smaller ones may be there unseen.
    """

    earlier: int
    later: int
    samples: int
    difference: float
    interval: Interval
    detectable: float


class MetricHistory(Record, frozen=True, kw_only=True):
    """All rounds in their order, and the changes from each to the next."""

    points: tuple[RoundPoint, ...]
    changes: tuple[MetricChange, ...]


def metric_history(metrics: Sequence[RoundMetric]) -> MetricHistory:
    """The history of rounds given in any order.

    Raises InvalidArgument for values that are no shares, and a round that stands twice.
    """
    for index, metric in enumerate(metrics):
        metric.check(f"metrics[{index}]")
    check_unique("metrics", "round", [str(metric.round) for metric in metrics])
    ordered = sorted(metrics, key=lambda metric: metric.round)
    return MetricHistory(
        points=tuple(_point(metric) for metric in ordered),
        changes=tuple(measure_change(earlier, later) for earlier, later in pairwise(ordered)),
    )


def measure_change(earlier: RoundMetric, later: RoundMetric) -> MetricChange:
    """The change from one round to another; InvalidArgument where they share no sample."""
    # Sums of floats depend on their order, which is nobody's choice.
    differences = np.sort(_differences(earlier, later))
    if not len(differences):
        problem = f"rounds {earlier.round} and {later.round} have no sample in common"
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
    """The smallest mean difference that is found with `POWER`, from paired differences.

    (z of the level + z of the power) · deviation / √samples. One changed sample is assumed at
    least: none in a hundred does not promise none in a thousand. Never over 1.
    """
    if samples < 1:
        raise InvalidArgument.of("samples", f"{samples} is not over 0")
    deviation = max(deviation, samples**-0.5)
    z = normal_quantile(CONFIDENCE) + normal_quantile(2 * POWER - 1)
    return float(min(1.0, z * deviation / samples**0.5))


def check_shares(field: str, values: NDArray[np.float64]) -> None:
    """Refuse values that are not in 0…1, naming the first; and none at all."""
    if not len(values):
        raise InvalidArgument.of(field, "are none; at least one is needed")
    wrong = np.flatnonzero(~((values >= 0) & (values <= 1)))
    if len(wrong):
        raise InvalidArgument.of(f"{field}[{wrong[0]}]", f"{values[wrong[0]]} is not in 0…1")


def _point(metric: RoundMetric) -> RoundPoint:
    samples = len(metric.values)
    return RoundPoint(
        round=metric.round,
        samples=samples,
        mean=float(metric.values.mean()),
        interval=wilson(min(samples, float(metric.values.sum())), samples),
    )
