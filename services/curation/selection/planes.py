"""ZCore's draws in the plane of two columns, compiled: the nearest row, and the losses of others.

All distances are L1, in float32, and all rows are scanned each time, in vectorised passes.

Numba compiles these functions when a process first calls them, which takes about two seconds:
import this module only to compute scores. A cache on disk would avoid that, but a container's
files are read-only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from sluice.errors import FailedPrecondition

try:
    import numba
except ImportError as error:
    raise FailedPrecondition("ZCore needs numba: pip install 'sluice-server[curation]'") from error

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

_NONE: Final = np.float32(0)
_HALF: Final = np.float32(0.5)
_INFINITY: Final = np.float32(np.inf)
_POSITION_BITS: Final = 32

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _compiled(function: _Function) -> _Function:
    """The function as machine code that releases the GIL.

    It rounds as numpy does, except that sums are reordered so that they can be vectorised.
    """
    compile_it = numba.njit(nogil=True, error_model="numpy", fastmath={"reassoc"})
    return cast("_Function", compile_it(function))


class Scratch(NamedTuple):
    """Reused arrays, `(rows,)` each; `bits` is a view of `distances`.

    Between planes `hits` and `losses` are 0.
    """

    distances: Floats
    bits: NDArray[np.int32]
    hits: Indices
    losses: Floats

    @classmethod
    def of(cls, rows: int) -> Scratch:
        """Arrays for that number of rows."""
        distances, losses = np.empty(rows, np.float32), np.zeros(rows, np.float32)
        return cls(distances, distances.view(np.int32), np.zeros(rows, np.intp), losses)


@_compiled
def _measure(
    first: Floats, second: Floats, x: np.float32, y: np.float32, distances: Floats
) -> None:
    """Set the distances of all rows from a point."""
    for row in range(len(distances)):
        distances[row] = abs(first[row] - x) + abs(second[row] - y)


@_compiled
def _nearest(bits: NDArray[np.int32]) -> int:
    """The row at the least distance, ties to the lowest row; distances are given as their bits.

    Non-negative floats are ordered as their bits are; the row's number is appended to them, so
    that the minimum names the row. A minimum of integers is vectorised, one of floats is not.
    """
    least = np.int64(bits[0]) << _POSITION_BITS
    for row in range(len(bits)):
        least = min(least, np.int64(bits[row]) << _POSITION_BITS | row)
    return int(least & ((1 << _POSITION_BITS) - 1))


@_compiled
def _count(distances: Floats, radius: np.float32) -> int:
    """The number of distances up to a radius."""
    count = 0
    for row in range(len(distances)):
        count += int(distances[row] <= radius)
    return count


@_compiled
def _radius(distances: Floats, near: int, reach: np.float32) -> np.float32:
    """The radius of the `near` smallest distances, including ties; `reach` covers all but one.

    Searches between a radius that is too small and one that is large enough: where rows spread
    evenly would give the exact number, and at every third try half way. That takes about ten
    passes, or thirty if many distances are equal.
    """
    low, high = _NONE, reach
    few, enough = 0, len(distances) - 1
    tries = 0
    while enough > near:
        tries += 1
        share = np.float32(near - few) / np.float32(enough - few)
        radius = np.float32(math.sqrt(low * low + share * (high * high - low * low)))
        if tries % 3 == 0 or not low < radius < high:
            radius = _HALF * (low + high)
            if not low < radius < high:
                break
        count = _count(distances, radius)
        if count < near:
            low, few = radius, count
        else:
            high, enough = radius, count
    return high


@_compiled
def _weigh(distances: Floats, least: np.float32, radius: np.float32) -> np.float32:
    """Turn distances into weights ∝ distance⁻⁴, 0 beyond a radius, and return their sum."""
    total = _NONE
    for row in range(len(distances)):
        weight = least / distances[row]
        weight *= weight
        weight = weight * weight if distances[row] <= radius else _NONE
        distances[row] = weight
        total += weight
    return total


@_compiled
def _lose(gain: np.float32, near: int, reach: np.float32, scratch: Scratch) -> bool:
    """Add the losses of a row's neighbours for its gain; False if another row equals it."""
    distances, losses = scratch.distances, scratch.losses
    least = distances[_nearest(scratch.bits)]
    if least == 0:
        return False
    share = gain / _weigh(distances, least, _radius(distances, near, reach))
    for row in range(len(losses)):
        losses[row] += share * distances[row]
    return True


@_compiled
def book(
    first: Floats,
    second: Floats,
    points: Floats,
    near: int,
    reach: np.float32,
    scratch: Scratch,
    change: NDArray[np.float64],
) -> None:
    """Add the changes of scores by points `(points, 2)` in the plane of two columns to `change`.

    Columns and `change` are `(rows,)`; no two rows are farther apart than `reach`. For a row that
    is nearest to several points, its neighbours' losses are computed once and multiplied.
    """
    distances, hits, losses = scratch.distances, scratch.hits, scratch.losses
    nearest = np.empty(len(points), np.intp)
    for point in range(len(points)):
        _measure(first, second, points[point, 0], points[point, 1], distances)
        nearest[point] = _nearest(scratch.bits)
        hits[nearest[point]] += 1
    for source in nearest:
        gain = np.float32(hits[source])
        hits[source] = 0
        if gain > 0:
            _measure(first, second, first[source], second[source], distances)
            distances[source] = _INFINITY
            if _lose(gain, near, reach, scratch):
                change[source] += gain
    for row in range(len(change)):
        change[row] -= losses[row]
        losses[row] = 0
