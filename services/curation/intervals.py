"""Intervals of shares and means; all two-sided, and the same for the same seed."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from services.platform.records import Record
from sluice.errors import InvalidArgument

CONFIDENCE: Final = 0.95
RESAMPLES: Final = 2_000
"""Enough for the second digit of a 99 % bound; a tenth of a second for 10,000 values."""

_DRAWS_AT_ONCE = 2_000_000
"""Numbers drawn at a time, so that large sets take more time and not more memory."""


class Interval(Record, frozen=True, kw_only=True):
    """Where a figure lies, with the confidence that its maker was asked for."""

    low: float
    high: float


class Share(Record, frozen=True, kw_only=True):
    """`count` of `total`, with Wilson's interval; of nothing, the interval is all of 0 to 1."""

    count: int
    total: int
    interval: Interval

    @classmethod
    def of(cls, count: int, total: int, confidence: float = CONFIDENCE) -> Share:
        """The share with its interval."""
        return cls(count=count, total=total, interval=wilson(count, total, confidence))

    @property
    def value(self) -> float | None:
        """The share, 0 to 1; None of nothing."""
        return self.count / self.total if self.total else None


def wilson(successes: float, total: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval of a share (Wilson 1927).

    `successes` may be a sum of values in 0…1 as well: no values with that mean vary more than
    zeros and ones do, so the interval then errs on the wide side. Raises InvalidArgument for
    successes that are not in 0…total.
    """
    if not 0 <= successes <= total:
        raise InvalidArgument.of("successes", f"{successes} is not in 0…{total}")
    if not total:
        return Interval(low=0.0, high=1.0)
    z, share = normal_quantile(confidence), successes / total
    centre = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    spread = (z / (1 + z**2 / total)) * float(
        np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    )
    # At 0 and at 1 a bound is the share itself, but for rounding.
    low = 0.0 if successes == 0 else max(0.0, centre - spread)
    return Interval(low=low, high=1.0 if successes == total else min(1.0, centre + spread))


def normal_quantile(confidence: float) -> float:
    """How many standard deviations either side hold that share of a normal distribution."""
    if not 0 < confidence < 1:
        raise InvalidArgument.of("confidence", f"{confidence} is not between 0 and 1")
    return float(ndtri((1 + confidence) / 2))


def bootstrap_mean(
    values: NDArray[np.float64], *, seed: int, confidence: float = CONFIDENCE
) -> Interval:
    """The percentile interval of the mean of `(samples,)` values, samples drawn again.

    Raises InvalidArgument where there is no value.
    """
    if not len(values):
        raise InvalidArgument.of("values", "are none; an interval needs at least one")
    rng, count = np.random.default_rng(seed), len(values)
    means = [
        values[rng.integers(count, size=(draws, count), dtype=np.int32)].mean(axis=1)
        for draws in chunks(RESAMPLES, count)
    ]
    return percentile(np.concatenate(means), confidence)


def percentile(draws: NDArray[np.float64], confidence: float = CONFIDENCE) -> Interval:
    """The interval between the quantiles of bootstrap draws, `(draws,)`."""
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(low=float(low), high=float(high))


def chunks(draws: int, numbers_per_draw: int) -> list[int]:
    """`draws` in parts that each need a bounded count of numbers."""
    size = max(1, _DRAWS_AT_ONCE // max(1, numbers_per_draw))
    return [min(size, draws - start) for start in range(0, draws, size)]
