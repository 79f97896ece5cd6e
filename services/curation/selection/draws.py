"""Random numbers that follow from a seed and a position alone.

The number at a position does not depend on the order or block in which it is drawn, so results
do not depend on how work is divided. SplitMix64 (Steele, Lea and Flood, 2014): the state is a
counter, and its mix is the number.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_SEED_MASK: Final = 2**64 - 1


class Stream(IntEnum):
    """The purpose of random numbers; each has a stream of its own."""

    SCORES = 1
    DRAWS = 2
    SAMPLE = 3
    ORDER = 4


def uniforms(seed: int, stream: Stream, start: int, count: int) -> NDArray[np.float64]:
    """The numbers at positions `start` … `start + count − 1` of a stream, in [0, 1): `(count,)`."""
    positions = np.arange(start, start + count, dtype=np.uint64)
    # Mixed twice: streams of one seed, and one stream of similar seeds, must be unrelated.
    origin = _mix(_mix(np.array([seed & _SEED_MASK], np.uint64)) + np.array([stream], np.uint64))
    mixed = _mix(origin + (positions + np.uint64(1)) * _STEP)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def shuffled(seed: int, stream: Stream, count: int) -> NDArray[np.int64]:
    """The numbers 0 … `count − 1` in random order: `(count,) int64`."""
    return np.argsort(uniforms(seed, stream, 0, count), kind="stable")


def triangular(
    uniform: NDArray[np.float64],
    low: NDArray[np.float64],
    mode: NDArray[np.float64],
    high: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Triangular numbers from uniform ones, by the inverse of the distribution; any equal shape.

    `low ≤ mode ≤ high`; where `low == high`, that value.
    """
    width = high - low
    safe = np.where(width > 0, width, 1)
    rising = low + np.sqrt(uniform * width * (mode - low))
    falling = high - np.sqrt((1 - uniform) * width * (high - mode))
    drawn: NDArray[np.float64] = np.where(uniform < (mode - low) / safe, rising, falling)
    return drawn


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))
