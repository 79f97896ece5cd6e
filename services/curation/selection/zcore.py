"""ZCore: how much each row adds to the coverage of a pool, and how little it repeats.

After Griffin, Marks and Corso, "Zero-Shot Coreset Selection" (arXiv 2411.15349). Scores begin at
random in [0, 1). A draw takes two dimensions, and in their plane a point whose coordinates are
triangular between minimum, median and maximum. The row nearest to it (L1 in this plane) gains 1
for coverage; the rows nearest to that row lose weights ∝ distance⁻⁴ that sum to 1 for redundancy.
At the end scores are scaled to [0, 1].

What the paper leaves open is decided so that no row is better off for its place in the pool:

- Dimensions without any spread are not drawn. With one other, planes are lines; with none, there
  are no draws.
- Rows as near as the last neighbour count as neighbours too.
- Rows in one place share the gain. Each has the others at distance 0, and the weights tend to be
  all theirs: together they lose what they gain, so such a draw changes nothing.
- Of rows at equal distance in different places, the lowest row is the nearest.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.curation.selection.checks import check_at_least, check_vectors
from services.curation.selection.draws import Stream, triangular, uniforms
from services.curation.selection.planes import Floats, Indices, Plane
from services.curation.selection.redundancy import weights_of

DRAWS: Final = 1_000_000
NEIGHBOURS: Final = 1_000

DENSE_ROWS_MAX: Final = 4_096
"""Up to so many rows, all distances from a row cost less than a search for the near ones."""

_NUMBERS_PER_DRAW: Final = 4
_SHARDS: Final = 16
_BLOCK_BYTES: Final = 1 << 18
_FLUSH: Final = 4


@dataclass(frozen=True, slots=True)
class Draws:
    """Planes and points: `first < second` are dimensions, `points` `(draws, 2) float32`."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    points: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, part: slice | NDArray[np.intp]) -> Draws:
        return Draws(self.first[part], self.second[part], self.points[part])


def draw(columns: NDArray[np.float32], seed: int, start: int, count: int) -> Draws:
    """The draws `start` … `start + count − 1` from columns `(dim, rows)`, two or more of them."""
    numbers = uniforms(seed, Stream.DRAWS, _NUMBERS_PER_DRAW * start, _NUMBERS_PER_DRAW * count)
    one, other, *place = numbers.reshape(count, _NUMBERS_PER_DRAW).T
    first = (one * len(columns)).astype(np.intp)
    second = (other * (len(columns) - 1)).astype(np.intp)
    second += second >= first
    planes = np.sort(np.stack([first, second], axis=1), axis=1)
    low, mode, high = (
        of(columns, axis=1).astype(np.float64)[planes] for of in (np.min, np.median, np.max)
    )
    points = triangular(np.stack(place, axis=1), low, mode, high).astype(np.float32)
    return Draws(planes[:, 0], planes[:, 1], points)


def varying_columns(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """The columns that draws are taken from, contiguous: `(0, or 2 and more, rows)`."""
    varies = embeddings.min(axis=0) < embeddings.max(axis=0) if len(embeddings) else []
    columns = np.ascontiguousarray(embeddings.T[np.flatnonzero(varies)])
    if len(columns) == 1:  # a line is a plane in which all rows have one coordinate
        return np.concatenate([columns, np.zeros_like(columns)])
    return columns


def initial_scores(seed: int, rows: int) -> NDArray[np.float64]:
    """The random scores that rows begin with: `(rows,)`."""
    return uniforms(seed, Stream.SCORES, 0, rows)


def scaled(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores `(rows,)` on the range 0 … 1; all 0 where they are equal."""
    if not len(scores):
        return scores
    spread = scores.max() - scores.min()
    unit: NDArray[np.float64] = (scores - scores.min()) / (spread or 1)
    return unit


def zcore_scores(
    embeddings: NDArray[np.float32],
    *,
    seed: int,
    draws: int = DRAWS,
    neighbours: int = NEIGHBOURS,
    workers: int = 1,
) -> NDArray[np.float64]:
    """The ZCore scores of embeddings `(rows, dim) float32`: `(rows,) float64` in 0 … 1.

    The same for any number of `workers`, to the last bit. Raises InvalidArgument for embeddings
    that are not finite, and for numbers out of range.
    """
    check_vectors("embeddings", embeddings)
    check_at_least("draws", draws, 0)
    check_at_least("neighbours", neighbours, 1)
    check_at_least("workers", workers, 1)
    scores = initial_scores(seed, len(embeddings))
    columns = varying_columns(embeddings)
    if not len(columns) or not draws:
        return scaled(scores)
    drawn = draw(columns, seed, 0, draws)
    order = np.lexsort((drawn.second, drawn.first))
    near = min(neighbours, len(embeddings) - 1)
    # Shards are summed in their order, and are as many for any number of workers.
    parts = [drawn[part] for part in np.array_split(order, _SHARDS)]
    with ThreadPoolExecutor(workers) as pool:
        for change in pool.map(lambda part: changes(columns, part, near), parts):
            scores += change
    return scaled(scores)


def changes(columns: Floats, drawn: Draws, near: int) -> NDArray[np.float64]:
    """What draws, sorted by plane, add to the scores of the rows: `(rows,)`."""
    change = _Change(columns.shape[1])
    dense = columns.shape[1] <= DENSE_ROWS_MAX
    for plane, points in _by_plane(columns, drawn):
        width = 4 * int(np.sqrt(len(plane.rows)))
        found = [plane.nearest(*part.T) for part in _blocks(points, width)]
        sources, hits = np.unique(np.concatenate(found), return_counts=True)
        if dense:
            change.book_densely(plane, sources, hits, near)
        else:
            change.book_sparsely(plane, sources, hits, near)
    change.flush()
    return change.sum


class _Change:
    """What draws add to scores: a sum, and what waits to be taken off it."""

    def __init__(self, rows: int) -> None:
        self.sum = np.zeros(rows)
        self._rows: list[Indices] = []
        self._weights: list[Floats] = []
        self._waiting = 0

    def book_densely(self, plane: Plane, sources: Indices, hits: Indices, near: int) -> None:
        """Book that rows at positions `sources` were nearest to `hits` points."""
        loss = np.zeros(len(self.sum))
        for part in _blocks(np.arange(len(sources)), len(self.sum)):
            weights, alone = weights_of(plane.all_distances(sources[part]), near)
            gains = hits[part] * alone
            loss += gains.astype(np.float32) @ weights
            self.sum[plane.rows[sources[part]]] += gains
        self.sum[plane.rows] -= loss

    def book_sparsely(self, plane: Plane, sources: Indices, hits: Indices, near: int) -> None:
        """The same where most rows are far from each source."""
        for part in _blocks(np.arange(len(sources)), 2 * near):
            rows, distances = plane.around(sources[part], near)
            weights, alone = weights_of(distances, near)
            gains = hits[part] * alone
            weights *= gains.astype(np.float32)[:, None]
            self.sum[plane.rows[sources[part]]] += gains
            self._rows.append(rows.ravel())
            self._weights.append(weights.ravel())
            self._waiting += weights.size
        if self._waiting > _FLUSH * len(self.sum):
            self.flush()

    def flush(self) -> None:
        """Take off what waits."""
        if self._waiting:
            rows, weights = np.concatenate(self._rows), np.concatenate(self._weights)
            self.sum -= np.bincount(rows, weights, len(self.sum))
            self._rows, self._weights, self._waiting = [], [], 0


def _by_plane(columns: Floats, drawn: Draws) -> Iterator[tuple[Plane, Floats]]:
    """Each plane with its points `(points, 2)`."""
    steps = (np.diff(drawn.first) != 0) | (np.diff(drawn.second) != 0)
    bounds = np.flatnonzero(np.concatenate([[True], steps, [True]])).tolist() if len(drawn) else []
    sorted_by = -1
    for start, stop in pairwise(bounds):
        first, second = int(drawn.first[start]), int(drawn.second[start])
        if first != sorted_by:
            order = np.argsort(columns[first], kind="stable")
            along, sorted_by = columns[first][order], first
        yield Plane(along, columns[second].take(order), order), drawn.points[start:stop]


def _blocks(values: NDArray[Any], width: int) -> list[NDArray[Any]]:
    """Values cut so that a float32 matrix of so many rows, `width` wide, stays in cache."""
    parts = -(-len(values) * width * 4 // _BLOCK_BYTES)
    return np.array_split(values, min(parts, len(values)) or 1)
