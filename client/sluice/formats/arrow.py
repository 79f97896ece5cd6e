"""Parquet and Arrow files, read by record batch into numpy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from sluice.errors import InvalidArgument
from sluice.formats import arrow_types
from sluice.formats.column_errors import check_metadata, column_error, missing_column
from sluice.formats.columns import Columns
from sluice.formats.rows import Column, Rows
from sluice.formats.times import TIME_ZONE_HINT, parse_times
from sluice.formats.values import IDS_HINT, ids_to_text

# After arrow_types, which names the package that is missing.
import pyarrow as pa  # isort: skip
import pyarrow.ipc  # isort: skip
import pyarrow.parquet as pq  # isort: skip

from sluice.formats import arrow_columns  # isort: skip

_DAMAGED: Final = (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError)
_TYPE_CHARACTERS_MAX: Final = 60
_NOT_UTF_8: Final = "Invalid UTF8 sequence"
_WIDE: Final = 8
"""A file with that many columns of floats and no vectors has a column for each dimension."""


class ArrowSource:
    """A Parquet file, or an Arrow IPC file or stream."""

    def __init__(self, path: Path, columns: Columns, *, embeddings_required: bool = True) -> None:
        self._path, self._file = path, str(path)
        self._is_parquet = path.suffix.lower() == ".parquet"
        self._passed_over: dict[str, str] = {}
        try:
            reader = self._open()
            self._schema = reader.schema_arrow if self._is_parquet else reader.schema
            self._row_count = self._count_rows(reader)
            self._names: list[str] = self._schema.names
        except _DAMAGED as error:
            raise InvalidArgument.of("file", f"{path} cannot be read: {error}") from error
        if not embeddings_required and columns.embedding not in self._names:
            columns = columns.without_embedding()
        self._columns = columns
        self._check_schema()
        used = columns.used_of(self._names)
        self._used = [name for name in used if name not in self._passed_over]

    @property
    def row_count(self) -> int | None:
        """The number of rows; None for an Arrow stream, which stores no row count."""
        return self._row_count

    @property
    def passed_over(self) -> Mapping[str, str]:
        """See `Source.passed_over`."""
        return self._passed_over

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
        for batch in self._read_record_batches(rows, self._used):
            pending.append(batch)
            table = pa.Table.from_batches(pending)
            while len(table) >= rows:
                yield table.slice(0, rows)
                table = table.slice(rows)
            pending = table.to_batches()
        if any(batch.num_rows for batch in pending):
            yield pa.Table.from_batches(pending)

    def _read_record_batches(self, rows: int, names: list[str]) -> Iterator[Any]:
        reader = self._open()
        if self._is_parquet:
            yield from reader.iter_batches(batch_size=rows, columns=names)
        elif isinstance(reader, pa.ipc.RecordBatchFileReader):
            for index in range(reader.num_record_batches):
                yield _check_buffers(reader.get_batch(index).select(names))
        else:
            for batch in reader:
                yield _check_buffers(batch.select(names))

    def _type_of(self, name: str) -> Any:
        return self._schema.field(name).type

    def _check_schema(self) -> None:
        columns, names = self._columns, self._names
        for needed in columns.needed:
            if needed not in names:
                raise self._missing(needed)
        counts = Counter(names)
        for name in sorted(columns.known & counts.keys()):
            if counts[name] > 1:
                raise column_error(self._file, name, f"occurs {counts[name]} times")
        self._check_texts()
        if columns.embedding:
            self._check_vector_type(self._type_of(columns.embedding))
        if columns.date_captured in names:
            self._check_time_type(self._type_of(columns.date_captured))
        metadata = [name for name in columns.metadata_of(names) if self._can_keep(name, counts)]
        check_metadata(self._file, metadata)

    def _missing(self, name: str) -> InvalidArgument:
        """The error for a missing column, with the column that it may be."""
        columns, field = self._columns, self._columns.field_of(name)
        unique = [n for n, count in Counter(self._names).items() if count == 1]
        fits = arrow_types.is_vector if field == "embedding" else arrow_types.is_id
        suitable = [n for n in unique if n not in columns.known and fits(self._type_of(n))]
        floats = [n for n in unique if pa.types.is_floating(self._type_of(n))]
        if field == "embedding" and not suitable and len(floats) >= _WIDE:
            problem = f"is missing; the file has {len(floats):,} columns of floats"
            hint = "if each is a dimension, write them as one column of lists"
            return column_error(self._file, name, problem, hint=hint)
        return missing_column(self._file, name, field, self._names, suitable)

    def _check_texts(self) -> None:
        columns = self._columns
        for name in (columns.frame_id, columns.device, columns.image_url):
            if name not in self._names or arrow_types.is_text(data_type := self._type_of(name)):
                continue
            is_id = arrow_types.is_id(data_type) and name != columns.image_url
            if not is_id or not columns.ids_as_text:
                hint = IDS_HINT if is_id else "cast them to text"
                raise column_error(self._file, name, f"is {data_type}, not strings", hint=hint)

    def _check_vector_type(self, data_type: Any) -> None:
        if arrow_types.is_vector(data_type):
            return
        name = self._columns.embedding
        if arrow_types.is_array(data_type):
            shape = self._measure_array(name)
            problem = f"holds arrays of shape {shape} in each row, not vectors"
            hint = "flatten each to one list of floats"
        else:
            problem = f"is {data_type!s:.{_TYPE_CHARACTERS_MAX}}, not lists of floats"
            hint = "write lists of floats, or choose another column by --map embedding=COLUMN"
        raise column_error(self._file, name, problem, hint=hint)

    def _measure_array(self, name: str) -> tuple[int, ...]:
        """The shape of the first array of a column; () without one."""
        if shape := arrow_types.tensor_shape(self._type_of(name)):
            return shape
        try:
            for batch in self._read_record_batches(1_024, [name]):
                for value in arrow_types.to_plain(batch.column(0)).drop_null():
                    return _measure(value.as_py())
        except _DAMAGED as error:
            raise InvalidArgument.of("file", f"{self._path} is damaged: {error}") from error
        return ()

    def _check_time_type(self, data_type: Any) -> None:
        column, plain = self._columns.date_captured, arrow_types.plain_type(data_type)
        if pa.types.is_timestamp(plain):
            if plain.tz is None and not self._columns.timezone:
                problem = f"is {data_type}, without a time zone"
                raise column_error(self._file, column, problem, hint=TIME_ZONE_HINT)
        elif not arrow_types.is_text(plain):
            hint = "cast it to a time, or keep it as metadata by --map date_captured=OTHER"
            raise column_error(
                self._file, column, f"is {data_type}, not times or strings", hint=hint
            )

    def _can_keep(self, name: str, counts: Counter[str]) -> bool:
        """Whether a column becomes metadata; one that was not asked for is passed over."""
        if counts[name] == 1 and arrow_types.is_metadata(data_type := self._type_of(name)):
            return True
        kind = f"occurs {counts[name]} times" if counts[name] > 1 else f"{data_type}"
        if self._columns.metadata is not None:
            expected = "metadata are strings, numbers, booleans, dates or times"
            raise column_error(self._file, name, f"is {kind}; {expected}")
        self._passed_over[name] = f"{kind:.{_TYPE_CHARACTERS_MAX}}"
        return False

    def _to_rows(self, start: int, table: Any) -> Rows:
        columns, file = self._columns, self._file
        ids = arrow_columns.read_ids(file, columns.frame_id, start, table.column(columns.frame_id))
        embeddings = np.empty((len(ids), 0), np.float32)
        if name := columns.embedding:
            embeddings = arrow_columns.read_vectors(file, name, start, table.column(name))
        others = {
            name: self._read_column(start, name, table.column(name))
            for name in self._used
            if name not in columns.own
        }
        rows = Rows(file, range(start, start + len(ids)), columns, ids, embeddings, others)
        rows.check()
        return rows

    def _read_column(self, start: int, name: str, column: Any) -> Column:
        columns, file = self._columns, self._file
        if name == columns.date_captured and arrow_types.is_text(column.type):
            texts = arrow_columns.read_texts(file, name, start, column)
            numbers = range(start, start + len(texts))
            return parse_times(file, name, numbers, texts, columns.timezone)
        if name == columns.device and not arrow_types.is_text(column.type):
            values = arrow_columns.read_texts(file, name, start, column)
            return ids_to_text(file, name, range(start, start + len(values)), values)
        return arrow_columns.read_metadata(file, name, start, column)


def _check_buffers(batch: Any) -> Any:
    """A batch of an IPC file, which pyarrow does not check: wrong offsets would end the process.

    Raises ArrowInvalid. Text that is not UTF-8 passes; whoever reads it names its row.
    """
    for column in batch.columns:
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            if _NOT_UTF_8 not in str(error):
                raise
    return batch


def _measure(value: Any) -> tuple[int, ...]:
    """The shape of lists in lists, by their first items."""
    if not isinstance(value, list):
        return ()
    return (len(value), *(_measure(value[0]) if value else ()))
