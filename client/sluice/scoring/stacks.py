"""Stack the rows of many models, to compare a batch with all of them in one product."""

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
"""Limit on the cosines held at a time: 2 MiB, which stay in cache until they are summed."""

_EXACT_WIDTH_MAX = 8
_WIDTH_MAX = 2_048

# OpenBLAS 0.3.31 raised the flag "invalid value" once for a product of finite rows with a right
# result; OpenMathLib/OpenBLAS#1924 is an earlier case.
_products = np.errstate(invalid="ignore")


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """The rows of models of about equal size: `(models × width, components)`.

    `columns` are the indices of the models, `weights` `(models, width)` those of their rows.
    Smaller models are padded with rows of weight 0. Similarity is exp(4·cosine − 4): the rows are
    already multiplied by 4 and the weights by e^−4, which saves two passes over all cosines.
    """

    columns: NDArray[np.intp]
    rows: NDArray[np.float32]
    weights: NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        """Memory, in bytes."""
        return self.rows.nbytes + self.weights.nbytes

    @_products
    def sums(
        self, projected: NDArray[np.float32], scratch: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The weighted sums of similarities of a block of rows, `(rows, models)`.

        `scratch` is a buffer with room for one number per pair of rows.
        """
        size = len(projected) * len(self.rows)
        similar = scratch[:size].reshape(len(projected), len(self.rows))
        np.matmul(projected, self.rows.T, out=similar)
        np.exp(similar, out=similar)
        by_model = similar.reshape(len(projected), *self.weights.shape).transpose(1, 0, 2)
        return np.asarray(np.matmul(by_model, self.weights[:, :, None])[..., 0].T, np.float32)

    @_products
    def sums_of(
        self,
        projected: NDArray[np.float32],
        rows: NDArray[np.intp],
        models: NDArray[np.intp],
    ) -> NDArray[np.float32]:
        """The sums of the given pairs of a row and a model, `(pairs,)`; `models` is ascending.

        Each model in `models` is compared with as many rows as the one with the most pairs, so this
        is fast only if every model has few pairs.
        """
        unique_models, model_index = np.unique(models, return_inverse=True)
        counts = np.bincount(model_index)
        slots = np.arange(len(rows)) - (np.cumsum(counts) - counts)[model_index]
        rows_by_model = np.zeros((len(unique_models), counts.max(initial=0)), np.intp)
        rows_by_model[model_index, slots] = rows
        stacked_rows = self.rows.reshape(*self.weights.shape, -1)[unique_models]
        similar = np.matmul(projected[rows_by_model], stacked_rows.transpose(0, 2, 1))
        np.exp(similar, out=similar)
        sums = np.matmul(similar, self.weights[unique_models][:, :, None])[..., 0]
        return np.asarray(sums[model_index, slots], np.float32)


def stack(
    rows: Sequence[NDArray[np.float32]], weights: Sequence[NDArray[np.float32]]
) -> list[Stack]:
    """Stack each model's rows and weights; models of about equal size share a stack.

    The stacks are small enough that a block of rows against one stays within COSINES_PER_BLOCK. A
    model with more rows than the maximal width is split into pieces in different stacks.
    """
    pieces_by_size: defaultdict[tuple[int, int], list[_Piece]] = defaultdict(list)
    for column, (model_rows, model_weights) in enumerate(zip(rows, weights, strict=True)):
        for number, start in enumerate(range(0, len(model_weights), _WIDTH_MAX)):
            piece = slice(start, start + _WIDTH_MAX)
            size = len(model_weights[piece])
            pieces_by_size[number, _padded_width(size)].append(
                _Piece(column, model_rows[piece], model_weights[piece])
            )
    return [
        _stack_pieces(pieces[start : start + step], width)
        for (_, width), pieces in pieces_by_size.items()
        for step in [max(COSINES_PER_BLOCK // (ROWS_PER_BLOCK * width), 1)]
        for start in range(0, len(pieces), step)
    ]


class _Piece(NamedTuple):
    """Up to _WIDTH_MAX rows of one model."""

    column: int
    rows: NDArray[np.float32]
    weights: NDArray[np.float32]


def _stack_pieces(pieces: Sequence[_Piece], width: int) -> Stack:
    components = pieces[0].rows.shape[1]
    rows = np.zeros((len(pieces), width, components), np.float32)
    weights = np.zeros((len(pieces), width), np.float32)
    for number, piece in enumerate(pieces):
        rows[number, : len(piece.rows)] = SHARPNESS * piece.rows
        weights[number, : len(piece.rows)] = AT_RIGHT_ANGLE * piece.weights
    columns = np.array([piece.column for piece in pieces], np.intp)
    return Stack(columns, rows.reshape(-1, components), weights)


def _padded_width(size: int) -> int:
    """The number of rows rounded up to one of few widths; padding is at most an eighth."""
    if size <= _EXACT_WIDTH_MAX:
        return size
    step = 1 << (size.bit_length() - 4)
    return -(-size // step) * step
