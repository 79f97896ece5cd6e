"""Intervals of shares and means; all two-sided."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from services.records.records import Record
from sluice.errors import InvalidArgument

CONFIDENCE: Final = 0.95
RESAMPLES: Final = 2_000
"""Enough for the second digit of a 99 % bound."""

_DEVIATIONS_MAX = 10
"""Standard deviations from the mean; sums beyond them occur less than once in 10⁷ draws."""

_STEPS_MIN, _CELLS_MIN = 64, 2**15

_DRAWS_AT_ONCE = 2_000_000
"""Numbers drawn at a time, so that memory is bounded for large sets."""


class Interval(Record, frozen=True, kw_only=True):
    """Bounds of a figure, at the confidence with which it was computed."""

    low: float
    high: float


class Share(Record, frozen=True, kw_only=True):
    """`count` of `total`, with Wilson's interval, which is 0 to 1 for a total of 0."""

    count: int
    total: int
    interval: Interval

    @classmethod
    def of(cls, count: int, total: int, confidence: float = CONFIDENCE) -> Share:
        """The share with its interval."""
        return cls(count=count, total=total, interval=wilson(count, total, confidence))

    @property
    def value(self) -> float | None:
        """The share, 0 to 1; None for a total of 0."""
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
    """Standard deviations to either side that contain a share of a normal distribution."""
    if not 0 < confidence < 1:
        raise InvalidArgument.of("confidence", f"{confidence} is not between 0 and 1")
    return float(ndtri((1 + confidence) / 2))


def bootstrap_mean(values: NDArray[np.float64], *, confidence: float = CONFIDENCE) -> Interval:
    """The percentile interval of the mean of `(samples,)` values, samples drawn again (Efron 1979).

    Nothing is drawn: the sum of n draws has the distribution of one draw, convolved n times with
    itself by FFT. Values are rounded to 64 or more steps per standard deviation; mean and variance
    are kept. Raises InvalidArgument without a value.
    """
    if not len(values):
        raise InvalidArgument.of("values", "no values; an interval needs at least one")
    count, least, most = len(values), float(values.min()), float(values.max())
    if least == most:
        return Interval(low=least, high=most)
    scaled = (values - least) / (most - least)  # squares of values near 0 would underflow
    width = 2 * _DEVIATIONS_MAX * count**0.5  # of the possible sums, in standard deviations
    size = 2 ** int(np.ceil(np.log2(max(_CELLS_MIN, width * _STEPS_MIN))))
    cells = np.rint((scaled - scaled.mean()) / scaled.std() * (size / width)).astype(np.int64)
    means = _sum_quantiles(cells, size, confidence) / count - cells.mean()
    means = scaled.mean() + means * (scaled.std() / cells.std())
    low, high = least + (most - least) * np.clip(means, 0, 1)
    return Interval(low=float(low), high=float(high))


def _sum_quantiles(cells: NDArray[np.int64], size: int, confidence: float) -> NDArray[np.float64]:
    """Both quantiles of the sum of `len(cells)` draws; all sums span less than `size` cells."""
    spectrum = np.fft.rfft(np.bincount(cells % size, minlength=size) / len(cells))
    first = int(cells.sum()) - size // 2
    summed = np.roll(np.fft.irfft(spectrum ** len(cells), size), -first)
    levels = [(1 - confidence) / 2, (1 + confidence) / 2]
    return (first + np.searchsorted(np.cumsum(summed), levels)).astype(np.float64)


def percentile(draws: NDArray[np.float64], confidence: float = CONFIDENCE) -> Interval:
    """The interval between the quantiles of bootstrap draws, `(draws,)`."""
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(low=float(low), high=float(high))


def split_draws(draws: int, numbers_per_draw: int) -> list[int]:
    """Split `draws` into parts that each need a bounded amount of random numbers."""
    size = max(1, _DRAWS_AT_ONCE // max(1, numbers_per_draw))
    return [min(size, draws - start) for start in range(0, draws, size)]
