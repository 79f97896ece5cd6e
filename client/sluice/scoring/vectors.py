"""Vectors as the kernel wants them: rows of float32, L2-normalised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sluice.errors import FieldViolation, InvalidArgument

ROWS_PER_BLOCK = 256
"""Rows worked on at a time: enough to keep a matrix product busy, few enough to stay in cache."""

_ROWS_NAMED_MAX = 10
# Between them the squares of float32 neither over- nor underflow.
_SQUARED_NORM_MIN, _SQUARED_NORM_MAX = 1e-20, 1e30


def normalise(embeddings: ArrayLike) -> NDArray[np.float32]:
    """Scale every row to length 1, whatever its magnitude.

    `embeddings` are `(rows, dim)` of any real dtype; so is the result, in float32. Raises
    InvalidArgument that names the rows holding NaN, infinity or nothing but zeros.
    """
    given = np.asarray(embeddings)
    if given.ndim != 2 or given.shape[1] == 0 or given.dtype.kind not in "fiu":
        raise InvalidArgument.of(
            "embeddings",
            f"{given.dtype} of shape {given.shape}; expected real numbers of shape (rows, dim)",
        )
    with np.errstate(all="ignore"):  # what over- or underflows here is done again below
        rows = given.astype(np.float32, order="C", copy=False)
        squared_norms = np.einsum("ij,ij->i", rows, rows)
        unit: NDArray[np.float32] = rows * (1 / np.sqrt(squared_norms))[:, None]
    safe = (squared_norms > _SQUARED_NORM_MIN) & (squared_norms < _SQUARED_NORM_MAX)
    if not safe.all():
        extreme = np.flatnonzero(~safe)
        unit[extreme] = _normalise_extreme(given[extreme], extreme)
    return unit


def _normalise_extreme(rows: NDArray[Any], row_numbers: NDArray[np.intp]) -> NDArray[np.float64]:
    """Normalise rows whose squares do not fit: in float64, scaled to a largest value of 1 first."""
    values = rows.astype(np.float64)
    peaks = np.abs(values).max(axis=1)
    invalid = row_numbers[~((peaks > 0) & np.isfinite(peaks))]
    if invalid.size:
        raise _invalid_rows(invalid)
    values /= peaks[:, None]
    values /= np.sqrt(np.einsum("ij,ij->i", values, values))[:, None]
    return values


def _invalid_rows(rows: NDArray[np.intp]) -> InvalidArgument:
    named = ", ".join(str(row) for row in rows[:_ROWS_NAMED_MAX])
    problem = f"{rows.size} with NaN, infinity or only zeros, which have no direction: row {named}"
    if rows.size > _ROWS_NAMED_MAX:
        problem += ", …"
    return InvalidArgument(
        f"embeddings: {problem}",
        reason="INVALID_EMBEDDING",
        fields=[FieldViolation("embeddings", problem)],
        metadata={"rows": named},
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
    """Find the rows that are equal in every bit (but for the sign of zero).

    Returns `first`, the index of each unique row's first occurrence, ascending, and `unique_of`,
    `(rows,)`, which unique row each row is. Hashes stand for rows, so no second copy is made.
    """
    number_of: dict[bytes, int] = {}
    unique_of = np.fromiter(
        (number_of.setdefault(blake2b((row + 0.0).data).digest(), len(number_of)) for row in rows),
        np.intp,
    )
    return np.unique(unique_of, return_index=True)[1], unique_of


def evenly_spaced(count: int, count_max: int) -> NDArray[np.intp]:
    """All indices below `count`, or `count_max` of them at equal distances."""
    kept = min(count, count_max)
    return np.arange(kept, dtype=np.intp) * count // max(kept, 1)


def blocks(count: int) -> Iterator[slice]:
    """Slices that cover `count` rows, a block at a time."""
    return (
        slice(start, min(start + ROWS_PER_BLOCK, count))
        for start in range(0, count, ROWS_PER_BLOCK)
    )


def read_only(array: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """A contiguous view (a copy only where dtype or layout asks for it) that refuses writes."""
    view = np.ascontiguousarray(array, dtype=dtype).view()
    view.flags.writeable = False
    return view
