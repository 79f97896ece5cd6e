"""Vectors that cannot be compared: missing ones, and those without a direction."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

NULL: Final = "is null, empty or all NaN"
NOT_FINITE: Final = "holds NaN, infinity, nulls or numbers over 3.4e38"
ZERO: Final = "holds only zeros"


def find_bad_vectors(vectors: NDArray[np.float32]) -> dict[int, str]:
    """The problems of `(rows, dimension) float32`, by index of the row that has no usable vector.

    A row that is NaN everywhere stands for a missing vector.
    """
    with np.errstate(all="ignore"):  # a square that overflows or underflows is a suspect only
        squares = np.einsum("ij,ij->i", vectors, vectors)
    suspects = np.flatnonzero(~(np.isfinite(squares) & (squares > 0))).tolist()
    problems = {index: _describe(vectors[index]) for index in suspects}
    return {index: problem for index, problem in problems.items() if problem}


def to_float32(values: NDArray[Any]) -> NDArray[np.float32]:
    """Values as float32; those out of its range become infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _describe(vector: NDArray[np.float32]) -> str:
    if np.isnan(vector).all():  # true for an empty one too
        return NULL
    if not np.isfinite(vector).all():
        return NOT_FINITE
    return "" if vector.any() else ZERO
