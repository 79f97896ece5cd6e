"""Parquet and Arrow files, read by record batch into numpy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sluice.errors import FailedPrecondition, InvalidArgument
from sluice.formats.columns import Columns
from sluice.formats.rows import Column, Rows, check_metadata, column_error, parse_times

try:
    import pyarrow as pa
    import pyarrow.ipc
    import pyarrow.parquet as pq
except ImportError as error:
    raise FailedPrecondition(
        "Parquet and Arrow files need pyarrow: pip install 'sluice-client[arrow]'"
    ) from error

_DAMAGED = (pa.ArrowInvalid, OSError)

_DAYS = (-719_162, 2_932_896)
"""The first and the last day that Python has, counted from 1970: of the years 1 and 9999."""

_UNITS_PER_DAY = {"s": 86_400, "ms": 86_400 * 10**3, "us": 86_400 * 10**6, "ns": 86_400 * 10**9}


class ArrowSource:
    """A Parquet file, or an Arrow IPC file or stream."""

    def __init__(self, path: Path, columns: Columns, *, embeddings_required: bool = True) -> None:
        self._path, self._file = path, str(path)
        self._is_parquet = path.suffix.lower() == ".parquet"
        try:
            reader = self._open()
            self._schema = reader.schema_arrow if self._is_parquet else reader.schema
            self._row_count = self._count_rows(reader)
        except _DAMAGED as error:
            raise InvalidArgument.of("file", f"{path} cannot be read: {error}") from error
        if not embeddings_required and columns.embedding not in self._schema.names:
            columns = columns.without_embedding()
        self._columns = columns
        self._check_schema()
        self._used = columns.used_of(self._schema.names)

    @property
    def row_count(self) -> int | None:
        """The number of rows; None for an Arrow stream, which stores no row count."""
        return self._row_count

    def batches(self, rows: int) -> Iterator[Rows]:
        """See `Source.batches`."""
        start = 0
        try:
            for table in self._read_tables(rows):
                yield self._to_rows(start, table)
                start += len(table)
        except _DAMAGED as error:
            problem = f"{self._path} is damaged after row {start}: {error}"
            raise InvalidArgument.of("file", problem) from error

    def _open(self) -> Any:
        if self._is_parquet:
            # Without read-ahead, which would keep the whole file in memory.
            return pq.ParquetFile(self._path, pre_buffer=False)
        mapped = pa.memory_map(self._file)
        try:
            return pa.ipc.open_file(mapped)
        except pa.ArrowInvalid:
            mapped.seek(0)
            return pa.ipc.open_stream(mapped)

    def _count_rows(self, reader: Any) -> int | None:
        if self._is_parquet:
            return int(reader.metadata.num_rows)
        if not isinstance(reader, pa.ipc.RecordBatchFileReader):
            return None
        return sum(int(reader.get_batch(i).num_rows) for i in range(reader.num_record_batches))

    def _read_tables(self, rows: int) -> Iterator[Any]:
        """All rows in tables of `rows` rows, independent of the row groups of the file."""
        pending: list[Any] = []
        for batch in self._read_record_batches(rows):
            pending.append(batch)
            table = pa.Table.from_batches(pending)
            while len(table) >= rows:
                yield table.slice(0, rows)
                table = table.slice(rows)
            pending = table.to_batches()
        if any(batch.num_rows for batch in pending):
            yield pa.Table.from_batches(pending)

    def _read_record_batches(self, rows: int) -> Iterator[Any]:
        reader = self._open()
        if self._is_parquet:
            yield from reader.iter_batches(batch_size=rows, columns=self._used)
        elif isinstance(reader, pa.ipc.RecordBatchFileReader):
            for index in range(reader.num_record_batches):
                yield reader.get_batch(index).select(self._used)
        else:
            for batch in reader:
                yield batch.select(self._used)

    def _check_schema(self) -> None:
        columns, names = self._columns, self._schema.names
        for needed in columns.needed:
            if needed not in names:
                problem = f"is missing; the file has {', '.join(names)}"
                raise column_error(self._file, needed, problem)
        for name in (columns.frame_id, columns.image_url, columns.device):
            if name in names and not _is_text(data_type := self._schema.field(name).type):
                raise column_error(self._file, name, f"is {data_type}, not strings")
        if columns.embedding:
            self._check_vector_type(self._schema.field(columns.embedding).type)
        if columns.date_captured in names:
            self._check_time_type(self._schema.field(columns.date_captured).type)
        metadata = columns.metadata_of(names)
        check_metadata(self._file, metadata)
        for name in metadata:
            if not _is_metadata(data_type := self._schema.field(name).type):
                problem = f"is {data_type}; metadata are strings, numbers, booleans or times"
                raise column_error(self._file, name, f"{problem} (choose columns by --metadata)")

    def _check_vector_type(self, data_type: Any) -> None:
        if not _is_vector(data_type):
            problem = f"is {data_type}, not lists of floats"
            raise column_error(self._file, self._columns.embedding, problem)

    def _check_time_type(self, data_type: Any) -> None:
        column = self._columns.date_captured
        if pa.types.is_timestamp(data_type) and data_type.tz is None:
            raise column_error(self._file, column, f"is {data_type}, without a time zone")
        if not pa.types.is_timestamp(data_type) and not _is_text(data_type):
            raise column_error(self._file, column, f"is {data_type}, not times or strings")

    def _to_rows(self, start: int, table: Any) -> Rows:
        columns = self._columns
        ids = table.column(columns.frame_id)
        if ids.null_count:
            raise column_error(self._file, columns.frame_id, "is null", _find_null_rows(ids, start))
        embeddings = np.empty((len(ids), 0), np.float32)
        if columns.embedding:
            embeddings = self._read_embeddings(start, _join_chunks(table.column(columns.embedding)))
        others = {
            name: self._read_column(start, name, table.column(name))
            for name in self._used
            if name not in columns.own
        }
        rows = Rows(self._file, start, columns, ids.to_pylist(), embeddings, others)
        rows.check()
        return rows

    def _read_column(self, start: int, name: str, column: Any) -> Column:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if rows := _find_unsupported_times(column, start):
            problem = f"has times beyond the years 1 to 9999 (is its unit {column.type}?)"
            raise column_error(self._file, name, problem, rows)
        if pa.types.is_timestamp(column.type):
            # Python's datetime has no nanoseconds.
            return _LazyColumn(column.cast(pa.timestamp("us", column.type.tz), safe=False))
        if name == self._columns.date_captured:
            return parse_times(self._file, name, start, column.to_pylist())
        return _LazyColumn(column)

    def _read_embeddings(self, start: int, column: Any) -> NDArray[np.float32]:
        file, name = self._file, self._columns.embedding
        if column.null_count:
            raise column_error(file, name, "is null", _find_null_rows(column, start))
        lengths = _measure_lists(column)
        if not lengths[0]:
            raise column_error(file, name, "has no numbers", [start])
        ragged = np.flatnonzero(lengths != lengths[0])
        if ragged.size:
            problem = f"has a length other than {lengths[0]} (as in row {start})"
            raise column_error(file, name, problem, (ragged + start).tolist())
        values = column.flatten()
        if values.null_count:
            null_rows = np.flatnonzero(values.is_null().to_numpy(False)) // lengths[0]
            raise column_error(file, name, "holds nulls", (np.unique(null_rows) + start).tolist())
        flat = values.to_numpy(zero_copy_only=False)
        return np.asarray(flat.reshape(len(column), -1), np.float32)


class _LazyColumn:
    """A column that converts a value to Python only when it is read."""

    def __init__(self, column: Any) -> None:
        self._column = column

    def __getitem__(self, index: int) -> Any:
        return self._column[index].as_py()


def _join_chunks(column: Any) -> Any:
    """The chunks of a column as one array."""
    chunks = column.chunks
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)


def _measure_lists(column: Any) -> NDArray[np.int64]:
    if pa.types.is_fixed_size_list(column.type):
        return np.full(len(column), column.type.list_size)
    return np.asarray(np.diff(column.offsets.to_numpy()), np.int64)


def _find_null_rows(column: Any, start: int) -> list[int]:
    nulls = column.is_null()
    flags = nulls.to_numpy() if isinstance(nulls, pa.ChunkedArray) else nulls.to_numpy(False)
    return [start + int(row) for row in np.flatnonzero(flags)]


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


def _is_text(data_type: Any) -> bool:
    return bool(pa.types.is_string(data_type) or pa.types.is_large_string(data_type))


def _is_vector(data_type: Any) -> bool:
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_list(data_type) for is_list in lists) and pa.types.is_floating(
        data_type.value_type
    )


def _is_metadata(data_type: Any) -> bool:
    if pa.types.is_dictionary(data_type):
        return _is_metadata(data_type.value_type)
    type_checks = (
        pa.types.is_boolean,
        pa.types.is_date,
        pa.types.is_floating,
        pa.types.is_integer,
        pa.types.is_null,
        pa.types.is_timestamp,
    )
    return _is_text(data_type) or any(is_type(data_type) for is_type in type_checks)
