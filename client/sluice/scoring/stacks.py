"""Rows of many models stacked, so that a batch meets them all in one product."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sluice.scoring.similarity import AT_RIGHT_ANGLE, SHARPNESS
from sluice.scoring.vectors import ROWS_PER_BLOCK

COSINES_PER_BLOCK = 2**19
"""How many cosines are held at a time, 2 MiB: they become similarities while they are in cache."""

_EXACT_WIDTH_MAX = 8
_WIDTH_MAX = 2_048


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Rows of models that have about as many: `(models × width, components)`.

    `columns` says which model each is, in the order in which they were stacked, and `weights`
    `(models, width)` what its rows weigh. Smaller models are filled up with rows of no weight.
    Similarity is exp(4·cosine − 4): the 4 is in the rows already and the e^−4 in the weights,
    which saves two passes over all cosines.
    """

    columns: NDArray[np.intp]
    rows: NDArray[np.float32]
    weights: NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        """Memory, in bytes."""
        return self.rows.nbytes + self.weights.nbytes

    def sums(
        self, projected: NDArray[np.float32], scratch: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The weighted sums of similarities of a block of rows, `(rows, models)`.

        `scratch` has room for as many numbers as there are pairs of rows.
        """
        size = len(projected) * len(self.rows)
        similar = scratch[:size].reshape(len(projected), len(self.rows))
        np.matmul(projected, self.rows.T, out=similar)
        np.exp(similar, out=similar)
        of_models = similar.reshape(len(projected), *self.weights.shape).transpose(1, 0, 2)
        return np.asarray(np.matmul(of_models, self.weights[:, :, None])[..., 0].T, np.float32)

    def sums_of(
        self,
        projected: NDArray[np.float32],
        rows: NDArray[np.intp],
        models: NDArray[np.intp],
    ) -> NDArray[np.float32]:
        """The sums of those pairs of a row and a model alone, `(pairs,)`; models never fall.

        Every model that is named meets as many rows as the one with the most: little, where few
        are wanted of any.
        """
        named, of_named = np.unique(models, return_inverse=True)
        counts = np.bincount(of_named)
        place = np.arange(len(rows)) - (np.cumsum(counts) - counts)[of_named]
        chosen = np.zeros((len(named), counts.max(initial=0)), np.intp)
        chosen[of_named, place] = rows
        of_models = self.rows.reshape(*self.weights.shape, -1)[named]
        similar = np.matmul(projected[chosen], of_models.transpose(0, 2, 1))
        np.exp(similar, out=similar)
        sums = np.matmul(similar, self.weights[named][:, :, None])[..., 0]
        return np.asarray(sums[of_named, place], np.float32)


def stack(
    rows: Sequence[NDArray[np.float32]], weights: Sequence[NDArray[np.float32]]
) -> list[Stack]:
    """Stack each model's rows and weights, models of about one size in one stack.

    The stacks are cut so that a block of rows against one stays within the bound of memory. Of
    models with more rows than are stacked together, each piece is in a stack of its own.
    """
    of_size: defaultdict[tuple[int, int], list[_Piece]] = defaultdict(list)
    for column, (given, weighed) in enumerate(zip(rows, weights, strict=True)):
        for number, start in enumerate(range(0, len(weighed), _WIDTH_MAX)):
            piece = slice(start, start + _WIDTH_MAX)
            size = len(weighed[piece])
            of_size[number, _width(size)].append(_Piece(column, given[piece], weighed[piece]))
    return [
        _filled(pieces[start : start + step], width)
        for (_, width), pieces in of_size.items()
        for step in [max(COSINES_PER_BLOCK // (ROWS_PER_BLOCK * width), 1)]
        for start in range(0, len(pieces), step)
    ]


class _Piece(NamedTuple):
    """So many rows of a model as are stacked together."""

    column: int
    rows: NDArray[np.float32]
    weights: NDArray[np.float32]


def _filled(pieces: Sequence[_Piece], width: int) -> Stack:
    components = pieces[0].rows.shape[1]
    rows = np.zeros((len(pieces), width, components), np.float32)
    weights = np.zeros((len(pieces), width), np.float32)
    for number, piece in enumerate(pieces):
        rows[number, : len(piece.rows)] = SHARPNESS * piece.rows
        weights[number, : len(piece.rows)] = AT_RIGHT_ANGLE * piece.weights
    columns = np.array([piece.column for piece in pieces], np.intp)
    return Stack(columns, rows.reshape(-1, components), weights)


def _width(size: int) -> int:
    """The number of rows, rounded up so that few widths serve all; an eighth is filling at most."""
    if size <= _EXACT_WIDTH_MAX:
        return size
    step = 1 << (size.bit_length() - 4)
    return -(-size // step) * step
