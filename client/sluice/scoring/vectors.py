"""Prepare vectors for the kernel: rows of float32, L2-normalised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sluice.errors import FieldViolation, InvalidArgument

ROWS_PER_BLOCK = 256
"""Rows per block: enough for an efficient matrix product, few enough to stay in cache."""

_ROWS_NAMED_MAX = 10
# Within these limits the squares of float32 neither overflow nor underflow.
_SQUARED_NORM_MIN, _SQUARED_NORM_MAX = 1e-20, 1e30


def normalise(embeddings: ArrayLike) -> NDArray[np.float32]:
    """Scale every row to length 1, whatever its magnitude.

    `embeddings` are `(rows, dim)` of any real dtype; returns `(rows, dim) float32`. Raises
    InvalidArgument naming the rows with NaN, infinity or only zeros.
    """
    array = np.asarray(embeddings)
    if array.ndim != 2 or array.shape[1] == 0 or array.dtype.kind not in "fiu":
        raise InvalidArgument.of(
            "embeddings",
            f"{array.dtype} of shape {array.shape}; expected real numbers of shape (rows, dim)",
        )
    with np.errstate(
        all="ignore"
    ):  # rows that overflow or underflow here are normalised again below
        rows = array.astype(np.float32, order="C", copy=False)
        squared_norms = np.einsum("ij,ij->i", rows, rows)
        unit: NDArray[np.float32] = rows * (1 / np.sqrt(squared_norms))[:, None]
    safe = (squared_norms > _SQUARED_NORM_MIN) & (squared_norms < _SQUARED_NORM_MAX)
    if not safe.all():
        extreme = np.flatnonzero(~safe)
        unit[extreme] = _normalise_extreme(array[extreme], extreme)
    return unit


def _normalise_extreme(rows: NDArray[Any], row_numbers: NDArray[np.intp]) -> NDArray[np.float64]:
    """Normalise rows whose squares overflow: in float64, after scaling the largest value to 1."""
    values = rows.astype(np.float64)
    peaks = np.abs(values).max(axis=1)
    invalid = row_numbers[~((peaks > 0) & np.isfinite(peaks))]
    if invalid.size:
        raise _invalid_rows_error(invalid)
    values /= peaks[:, None]
    values /= np.sqrt(np.einsum("ij,ij->i", values, values))[:, None]
    return values


def _invalid_rows_error(rows: NDArray[np.intp]) -> InvalidArgument:
    row_list = ", ".join(str(row) for row in rows[:_ROWS_NAMED_MAX])
    problem = (
        f"{rows.size} with NaN, infinity or only zeros, which have no direction: row {row_list}"
    )
    if rows.size > _ROWS_NAMED_MAX:
        problem += ", …"
    return InvalidArgument(
        f"embeddings: {problem}",
        reason="INVALID_EMBEDDING",
        fields=[FieldViolation("embeddings", problem)],
        metadata={"rows": row_list},
    )


def check_dimension(embeddings: NDArray[Any], expected: int) -> None:
    """Raise InvalidArgument unless the rows have the expected dimension."""
    if embeddings.shape[1] != expected:
        raise InvalidArgument.of(
            "embeddings",
            f"dimension {embeddings.shape[1]}, expected {expected}",
            reason="SPACE_MISMATCH",
        )


def group_equal(rows: Iterable[NDArray[np.float32]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Group the rows that are equal in every bit (except the sign of zero).

    Returns the indices of the first occurrences, ascending, and `(rows,)` the group of each row.
    Rows are compared by hash, which saves a second copy.
    """
    index_of: dict[bytes, int] = {}
    unique_of = np.fromiter(
        (index_of.setdefault(blake2b((row + 0.0).data).digest(), len(index_of)) for row in rows),
        np.intp,
    )
    return np.unique(unique_of, return_index=True)[1], unique_of


def evenly_spaced(count: int, count_max: int) -> NDArray[np.intp]:
    """All indices below `count`, or `count_max` of them at equal distances."""
    size = min(count, count_max)
    return np.arange(size, dtype=np.intp) * count // max(size, 1)


def blocks(count: int) -> Iterator[slice]:
    """Slices that cover `count` rows, each of at most ROWS_PER_BLOCK."""
    return (
        slice(start, min(start + ROWS_PER_BLOCK, count))
        for start in range(0, count, ROWS_PER_BLOCK)
    )


def read_only(array: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """A read-only contiguous view; a copy only if dtype or layout requires one."""
    view = np.ascontiguousarray(array, dtype=dtype).view()
    view.flags.writeable = False
    return view
