"""Two columns of a pool as a plane: the row nearest to a point, and the rows around a row.

All distances are L1, in float32: rows are sorted along the first column, and only a strip of them
that cannot be too narrow is looked at.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_WINDOW: Final = 4
"""Rows looked at first around a point, in √rows: enough for most points."""

_SAMPLE_ROWS: Final = 512
_SAMPLE_NEIGHBOURS: Final = 32
"""The sample that a radius is guessed from has about so many rows, and so many neighbours."""

_GUESS_DEVIATIONS: Final = 2.0
"""Standard deviations that a guess is above the wanted radius; one that is too small costs time."""

_SLACK: Final = np.float32(4 * np.finfo(np.float32).eps)

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]


class Plane:
    """Rows in the plane of two columns, sorted along the first."""

    def __init__(self, along: Floats, across: Floats, rows: Indices) -> None:
        """`along` and `across` are `(rows,)` in the order of `rows`; `along` ascends."""
        self.along, self.across, self.rows = along, across, rows

    def nearest(self, along: Floats, across: Floats) -> Indices:
        """The positions of the rows nearest to points, `(points,)`; of equals the lowest row."""
        count = len(self.rows)
        width = min(int(_WINDOW * np.sqrt(count)) + 2, count)
        start = np.searchsorted(self.along, along) - width // 2
        start = np.minimum(np.maximum(start, 0), count - width)
        window = start[:, None] + np.arange(width)
        distances = self.along.take(window)
        distances -= along[:, None]
        np.abs(distances, out=distances)
        second = self.across.take(window)
        second -= across[:, None]
        distances += np.abs(second, out=second)
        at = distances.argmin(axis=1)
        best = distances[np.arange(len(at)), at]
        # Every row as near as the best lies in this strip; is all of it in the window?
        low, high = self.strips(along, best)
        doubtful = (low < start) | (high > start + width)
        doubtful |= np.count_nonzero(distances == best[:, None], axis=1) > 1
        found: Indices = start + at
        for point in np.flatnonzero(doubtful).tolist():
            within = self.distances(low[point], high[point], along[point], across[point])
            equals = low[point] + np.flatnonzero(within == within.min())
            found[point] = equals[self.rows[equals].argmin()]
        return found

    def reach(self, positions: Indices, neighbours: int) -> Floats:
        """For each row a radius that most likely holds more than `neighbours` others."""
        step = max(1, min(len(self.rows) // _SAMPLE_ROWS, neighbours // _SAMPLE_NEIGHBOURS))
        expected = (neighbours + 1) / step
        rank = int(expected + _GUESS_DEVIATIONS * np.sqrt(expected))
        along, across = self.along[::step].copy(), self.across[::step].copy()
        if rank >= len(along):
            return np.full(len(positions), np.inf, np.float32)
        distances = np.abs(along - self.along[positions, None])
        distances += np.abs(across - self.across[positions, None])
        distances.partition(rank, axis=1)
        reach: Floats = distances[:, rank]
        return reach

    def strips(self, along: Floats, reach: Floats) -> tuple[Indices, Indices]:
        """Where the rows begin and end that are no farther from values along than `reach`."""
        # Wider by the rounding of a distance, lest a row is missed that counts as near enough.
        wide = reach + _SLACK * (np.abs(along) + reach)
        low = self.along.searchsorted(along - wide, "left")
        return low, self.along.searchsorted(along + wide, "right")

    def distances(self, low: int, high: int, along: np.float32, across: np.float32) -> Floats:
        """How far the rows of a strip are from a point."""
        distances: Floats = self.along[low:high] - along
        np.abs(distances, out=distances)
        second = self.across[low:high] - across
        distances += np.abs(second, out=second)
        return distances

    def all_distances(self, positions: Indices) -> Floats:
        """How far all rows are from those at positions, `(positions, rows)`; itself infinitely."""
        distances: Floats = self.along - self.along[positions, None]
        np.abs(distances, out=distances)
        second = self.across - self.across[positions, None]
        distances += np.abs(second, out=second)
        distances[np.arange(len(positions)), positions] = np.inf
        return distances

    def around(self, positions: Indices, near: int) -> tuple[Indices, Floats]:
        """The rows within a radius of each of some rows, and their distances: at least `near`.

        Both are `(positions, width)`; where a row has fewer around it than another, row 0 at
        infinity stands for none.
        """
        reach = self.reach(positions, near)
        along, across = self.along[positions], self.across[positions]
        low, high = self.strips(along, reach)
        found: list[tuple[Indices, Floats]] = []
        for at, (first, last) in enumerate(zip(low.tolist(), high.tolist())):
            start, strip = first, self.distances(first, last, along[at], across[at])
            strip[positions[at] - start] = np.inf
            within = np.flatnonzero(strip <= reach[at])
            if len(within) < near:
                start, strip = 0, self.distances(0, len(self.rows), along[at], across[at])
                strip[positions[at]] = np.inf
                within = np.argpartition(strip, near - 1)
                within = np.flatnonzero(strip <= strip[within[near - 1]])
            found.append((within + start, strip.take(within)))
        width = max(len(within) for within, _ in found)
        rows = np.zeros((len(found), width), np.intp)
        distances = np.full((len(found), width), np.inf, np.float32)
        for at, (within, strip) in enumerate(found):
            self.rows.take(within, out=rows[at, : len(within)], mode="clip")
            distances[at, : len(within)] = strip
        return rows, distances
