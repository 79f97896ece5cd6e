"""What the rows around a row lose in ZCore: weights ∝ distance⁻⁴ over its nearest others.

The distance of the last of them is found by counting rather than by sorting all: a radius is
guessed, its rows are counted, and the radius is corrected for the density met. The distance asked
for then lies in a thin shell around it, whose few rows are sorted. Where it does not, all are.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.curation.selection.planes import Around, Floats, Indices

_SHELL: Final = np.float32(0.06)
"""Half the thickness of the shell, in radii."""

_SAMPLE_STEP: Final = 8


def sparse_weights(around: Around, near: int) -> tuple[Floats, NDArray[np.bool_]]:
    """The weights of the rows around sources, flat, and which sources are alone in their place.

    The weights of a source sum to 1; where it is not alone, to 0.
    """
    starts = np.concatenate([[0], np.cumsum(around.sizes[:-1])])
    distances = around.distances
    places = np.flatnonzero(distances == 0)  # sources, and rows in one place with them
    distances[places] = np.inf
    sharing = np.searchsorted(starts, places, "right") - 1
    alone = np.bincount(sharing, minlength=len(starts)) == 1
    smallest = np.where(alone, np.minimum.reduceat(distances, starts), np.float32(0))
    weights = np.repeat(smallest, around.sizes)
    weights /= distances
    weights *= weights
    weights *= weights
    weights *= distances <= np.repeat(_last_of_some(around, starts, near), around.sizes)
    totals = np.add.reduceat(weights, starts)
    weights *= np.repeat(alone / np.where(alone, totals, 1), around.sizes).astype(np.float32)
    return weights, alone


def dense_weights(distances: Floats, near: int) -> tuple[Floats, NDArray[np.bool_]]:
    """The same from the distances of all rows, `(sources, rows)`; a source's own is infinite.

    Weights are `(sources, rows)`.
    """
    smallest = distances.min(axis=1)
    alone = smallest > 0
    with np.errstate(invalid="ignore"):  # 0 / 0, where a source is not alone
        weights: Floats = smallest[:, None] / distances
    weights *= weights
    weights *= weights
    if near < distances.shape[1] - 1:
        weights *= distances <= _last_of_all(distances, near)[:, None]
    if not alone.all():
        weights[~alone] = 0
    totals = weights @ np.ones(weights.shape[1], np.float32)
    weights *= (1 / np.where(alone, totals, 1)).astype(np.float32)[:, None]
    return weights, alone


def _last_of_some(around: Around, starts: Indices, near: int) -> Floats:
    """The distance of the `near`-th nearest other of each source."""
    distances, sizes = around.distances, around.sizes
    radius = around.reach * np.sqrt(near / np.maximum(sizes - np.float32(1), 1))
    low, high = radius * (1 - _SHELL), radius * (1 + _SHELL)
    below = distances < np.repeat(low, sizes)
    shell = np.flatnonzero(below ^ (distances <= np.repeat(high, sizes)))
    owners = np.searchsorted(starts, shell, "right") - 1
    rank = near - 1 - np.add.reduceat(below, starts, dtype=np.intp)
    last, sure = _ranked(distances.take(shell), owners, rank)
    for source in np.flatnonzero(~sure).tolist():
        part = distances[starts[source] : starts[source] + sizes[source]]
        last[source] = np.partition(part, near - 1)[near - 1]
    return last


def _last_of_all(distances: Floats, near: int) -> Floats:
    """The distance of the `near`-th nearest other of each source."""
    ones = np.ones(distances.shape[1], np.float32)
    sample = distances[:, ::_SAMPLE_STEP].copy()
    at = near * sample.shape[1] // distances.shape[1]
    sample.partition(at, axis=1)
    guess = sample[:, at]
    counts = (distances <= guess[:, None]).astype(np.float32) @ ones
    radius = guess * np.sqrt(near / counts)
    low, high = radius * (1 - _SHELL), radius * (1 + _SHELL)
    below = distances < low[:, None]
    shell = np.flatnonzero(below ^ (distances <= high[:, None]))
    rank = near - 1 - (below.astype(np.float32) @ ones).astype(np.intp)
    last, sure = _ranked(distances.ravel().take(shell), shell // distances.shape[1], rank)
    if not sure.all():
        last[~sure] = np.partition(distances[~sure], near - 1, axis=1)[:, near - 1]
    return last


def _ranked(values: Floats, owners: Indices, rank: Indices) -> tuple[Floats, NDArray[np.bool_]]:
    """Of each owner's values the one of that rank, from 0; and whether it has one.

    `owners`, one for each value, ascend.
    """
    counts = np.bincount(owners, minlength=len(rank))
    first = np.cumsum(counts) - counts
    table = np.full((len(rank), max(counts.max(), 1)), np.inf, np.float32)
    table[owners, np.arange(len(values)) - first[owners]] = values
    table.sort(axis=1)
    sure = (0 <= rank) & (rank < counts)
    return table[np.arange(len(rank)), np.where(sure, rank, 0)], sure
