"""ZCore: how much each row adds to the coverage of a pool, and how little it repeats.

After Griffin, Marks and Corso, "Zero-Shot Coreset Selection" (arXiv 2411.15349). Scores start at
random in [0, 1). A draw takes two dimensions, and in their plane a point with coordinates from the
triangular distribution between minimum, median and maximum. The row nearest to it (L1 in this
plane) gains 1 for coverage; the rows nearest to that row lose weights ∝ distance⁻⁴ that sum to 1
for redundancy. At the end scores are scaled to [0, 1].

Cases that the paper leaves open are decided so that the order of rows gives none an advantage:

- Constant dimensions are not drawn. With a single other dimension, planes are lines; without any,
  nothing is drawn.
- Rows as near as the last neighbour count as neighbours too.
- Equal rows share the gain. The others are at distance 0, and in the limit take all the weights:
  together they lose what they gain, so such a draw changes nothing.
- Of different rows at equal distance, the lowest row is the nearest.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.curation.selection.checks import check_at_least, check_vectors
from services.curation.selection.draws import Stream, triangular, uniforms

DRAWS: Final = 1_000_000
NEIGHBOURS: Final = 1_000

_NUMBERS_PER_DRAW: Final = 4
_SHARDS: Final = 16


@dataclass(frozen=True, slots=True)
class Draws:
    """Planes, as dimensions `first < second`, and `points` `(draws, 2) float32` in them."""

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
    """The columns to draw from, contiguous: `(0, or at least 2, rows)`."""
    varies = embeddings.min(axis=0) < embeddings.max(axis=0) if len(embeddings) else []
    columns = np.ascontiguousarray(embeddings.T[np.flatnonzero(varies)])
    if len(columns) == 1:  # a line is a plane in which all rows have one coordinate
        return np.concatenate([columns, np.zeros_like(columns)])
    return columns


def initial_scores(seed: int, rows: int) -> NDArray[np.float64]:
    """The random scores that rows start with: `(rows,)`."""
    return uniforms(seed, Stream.SCORES, 0, rows)


def scale_scores(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores `(rows,)` scaled to 0 … 1; all 0 if they are equal."""
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

    The result is the same for any number of `workers`, to the last bit. Raises InvalidArgument
    for embeddings that are not finite and for numbers out of range; FailedPrecondition without
    numba.
    """
    check_vectors("embeddings", embeddings)
    check_at_least("draws", draws, 0)
    check_at_least("neighbours", neighbours, 1)
    check_at_least("workers", workers, 1)
    scores = initial_scores(seed, len(embeddings))
    columns = varying_columns(embeddings)
    if not len(columns) or not draws:
        return scale_scores(scores)
    drawn = draw(columns, seed, 0, draws)
    order = np.lexsort((drawn.second, drawn.first))
    near = min(neighbours, len(embeddings) - 1)
    # The number of shards is fixed and they are summed in order: workers do not change the result.
    parts = [drawn[part] for part in np.array_split(order, _SHARDS)]
    with ThreadPoolExecutor(workers) as pool:
        for change in pool.map(lambda part: sum_changes(columns, part, near), parts):
            scores += change
    return scale_scores(scores)


def sum_changes(columns: NDArray[np.float32], drawn: Draws, near: int) -> NDArray[np.float64]:
    """The changes of the rows' scores by draws that are sorted by plane: `(rows,)`."""
    from services.curation.selection import planes  # compiles when imported

    change = np.zeros(columns.shape[1])
    spans = columns.max(axis=1) - columns.min(axis=1)
    scratch = planes.Scratch.of(len(change))
    for part in _by_plane(drawn):
        one, other = part.first[0], part.second[0]
        reach = spans[one] + spans[other]
        planes.book(columns[one], columns[other], part.points, near, reach, scratch, change)
    return change


def _by_plane(drawn: Draws) -> Iterator[Draws]:
    """The draws of each plane, if they are sorted by plane."""
    steps = (np.diff(drawn.first) != 0) | (np.diff(drawn.second) != 0)
    bounds = np.flatnonzero(np.concatenate([[True], steps, [True]])).tolist() if len(drawn) else []
    for start, stop in pairwise(bounds):
        yield drawn[start:stop]
