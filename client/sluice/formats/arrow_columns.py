"""The values of Arrow columns: vectors, ids, times and metadata."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sluice.formats.arrow_types import plain_type, to_plain, to_python_times
from sluice.formats.column_errors import column_error
from sluice.formats.rows import Column
from sluice.formats.values import ids_to_text
from sluice.formats.vectors import to_float32

_DAYS: Final = (-719_162, 2_932_896)
"""The first and the last day that Python has, counted from 1970: of the years 1 and 9999."""

_UNITS_PER_DAY: Final = {
    "s": 86_400,
    "ms": 86_400 * 10**3,
    "us": 86_400 * 10**6,
    "ns": 86_400 * 10**9,
}


class LazyColumn:
    """A column that converts a value to Python only when it is read."""

    def __init__(self, column: Any) -> None:
        self._column = column

    def __getitem__(self, index: int) -> Any:
        return self._column[index].as_py()


def read_ids(file: str, name: str, start: int, column: Any) -> list[str]:
    """A column of ids; InvalidArgument naming the rows that are null or not UTF-8."""
    if column.null_count:
        raise column_error(file, name, "is null", _find_null_rows(column, start))
    plain = to_plain(column)
    numbers = range(start, start + len(plain))
    texts = ids_to_text(file, name, numbers, read_texts(file, name, start, plain))
    return [text or "" for text in texts]


def read_texts(file: str, name: str, start: int, column: Any) -> list[Any]:
    """The values of a column; InvalidArgument naming the rows with strings that are not UTF-8."""
    plain = to_plain(column)
    try:
        values: list[Any] = plain.to_pylist()
    except UnicodeDecodeError:
        rows = [start + index for index in range(len(plain)) if not _is_readable(plain[index])]
        raise column_error(file, name, "is not UTF-8", rows) from None
    return values


def read_metadata(file: str, name: str, start: int, column: Any) -> Column:
    """A column that is read row by row; InvalidArgument for times that Python does not have."""
    data_type = plain_type(column.type)
    if not pa.types.is_temporal(data_type):
        return LazyColumn(column)
    plain = to_plain(column)
    if rows := _find_unsupported_times(plain, start):
        problem = f"has times beyond the years 1 to 9999 (is its unit {data_type}?)"
        raise column_error(file, name, problem, rows)
    return LazyColumn(plain if pa.types.is_date(data_type) else to_python_times(plain))


def read_vectors(file: str, name: str, start: int, column: Any) -> NDArray[np.float32]:
    """A column of vectors, `(rows, dimension) float32`; missing ones and missing values are NaN.

    Raises InvalidArgument naming the rows of another dimension than the first one.
    """
    lists = to_plain(_join_chunks(column))
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    filled = np.flatnonzero(lengths)
    if not filled.size:
        return np.empty((len(lists), 0), np.float32)
    dimension = int(lengths[filled[0]])
    ragged = filled[lengths[filled] != dimension]
    if ragged.size:
        problem = f"has a length other than {dimension} (as in row {start + filled[0]})"
        raise column_error(file, name, problem, (ragged + start).tolist())
    values = lists.drop_null().flatten().to_numpy(zero_copy_only=False)
    vectors = to_float32(values.reshape(-1, dimension))
    if len(filled) == len(lists):
        return vectors
    matrix = np.full((len(lists), dimension), np.nan, np.float32)
    matrix[filled] = vectors
    return matrix


def _join_chunks(column: Any) -> Any:
    """The chunks of a column as one array."""
    chunks = column.chunks
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)


def _is_readable(scalar: Any) -> bool:
    try:
        scalar.as_py()
    except UnicodeDecodeError:
        return False
    return True


def _find_null_rows(column: Any, start: int) -> list[int]:
    return [start + int(row) for row in np.flatnonzero(column.is_null().to_numpy())]


def _find_unsupported_times(column: Any, start: int) -> list[int]:
    """The rows with a time or date beyond the years that Python has."""
    data_type = column.type
    if pa.types.is_timestamp(data_type):
        units_per_day = _UNITS_PER_DAY[data_type.unit]
    elif pa.types.is_date(data_type):
        units_per_day = 1 if pa.types.is_date32(data_type) else _UNITS_PER_DAY["ms"]
    else:
        return []
    values = column.cast(pa.int32() if pa.types.is_date32(data_type) else pa.int64())
    units = values.combine_chunks().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    days = units // units_per_day
    return (np.flatnonzero((days < _DAYS[0]) | (days > _DAYS[1])) + start).tolist()
