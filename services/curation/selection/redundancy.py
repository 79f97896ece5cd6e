"""What the rows around a row lose in ZCore: weights ∝ distance⁻⁴ over its nearest others.

The distance of the last of them is found by counting rather than by sorting all: a radius is
guessed, its rows are counted, and the radius is corrected for the density met. The distance asked
for then lies in a thin shell around it, whose few rows are sorted. Where it does not, all are.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.curation.selection.planes import Floats, Indices

_SHELL: Final = np.float32(0.06)
"""Half the thickness of the shell, in radii."""

_SAMPLE_STEP: Final = 8


def weights_of(distances: Floats, near: int) -> tuple[Floats, NDArray[np.bool_]]:
    """The weights of rows around sources, and which sources are alone in their place.

    `distances` are `(sources, rows)`, and infinite for the source itself; so are the weights.
    Those of a source sum to 1; where it is not alone, to 0.
    """
    smallest = distances.min(axis=1)
    alone = smallest > 0
    with np.errstate(invalid="ignore"):  # 0 / 0, where a source is not alone
        weights: Floats = smallest[:, None] / distances
    weights *= weights
    weights *= weights
    if near < distances.shape[1]:
        weights *= distances <= _last(distances, near)[:, None]
    if not alone.all():
        weights[~alone] = 0
    totals = weights @ np.ones(weights.shape[1], np.float32)
    weights *= (1 / np.where(alone, totals, 1)).astype(np.float32)[:, None]
    return weights, alone


def _last(distances: Floats, near: int) -> Floats:
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
