"""Parquet and Arrow files: read by record batches, straight into numpy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sluice.errors import FailedPrecondition, InvalidArgument
from sluice.formats.columns import Columns
from sluice.formats.rows import Rows, refused

try:
    import pyarrow as pa
    import pyarrow.ipc
    import pyarrow.parquet as pq
except ImportError as error:
    raise FailedPrecondition(
        "Parquet and Arrow files need pyarrow: pip install 'sluice[arrow]'"
    ) from error


class ArrowSource:
    """A Parquet file, or an Arrow IPC file."""

    def __init__(self, path: Path, columns: Columns) -> None:
        self._path = path
        self._columns = columns
        try:
            self._parquet = _parquet(path) if path.suffix == ".parquet" else None
            self._schema = self._parquet.schema_arrow if self._parquet else self._ipc().schema
        except (pa.ArrowInvalid, OSError) as error:
            raise InvalidArgument.of("file", f"{path} cannot be read: {error}") from error
        self._check_schema()

    @property
    def row_count(self) -> int | None:
        """How many rows there are."""
        if self._parquet is not None:
            return int(self._parquet.metadata.num_rows)
        reader = self._ipc()
        return sum(int(reader.get_batch(i).num_rows) for i in range(reader.num_record_batches))

    def batches(self, rows: int) -> Iterator[Rows]:
        """See `Source.batches`."""
        start, waiting = 0, []
        try:
            for batch in self._record_batches(rows):
                waiting.append(batch)
                while sum(b.num_rows for b in waiting) >= rows:
                    table = pa.Table.from_batches(waiting)
                    yield self._rows(start, table.slice(0, rows))
                    start += rows
                    waiting = table.slice(rows).to_batches()
        except (pa.ArrowInvalid, OSError) as error:
            raise InvalidArgument.of(
                "file", f"{self._path} is damaged after row {start}: {error}"
            ) from error
        if any(b.num_rows for b in waiting):
            yield self._rows(start, pa.Table.from_batches(waiting))

    def _ipc(self) -> Any:
        return pa.ipc.open_file(pa.memory_map(str(self._path)))

    def _record_batches(self, rows: int) -> Iterator[Any]:
        if self._parquet is not None:
            yield from self._parquet.iter_batches(batch_size=rows)
            return
        reader = self._ipc()
        for index in range(reader.num_record_batches):
            yield reader.get_batch(index)

    def _check_schema(self) -> None:
        file, columns = str(self._path), self._columns
        for needed in columns.needed:
            if needed not in self._schema.names:
                known = ", ".join(self._schema.names)
                raise refused(file, needed, f"is missing; the file has {known}")
        ids = self._schema.field(columns.frame_id).type
        if not (pa.types.is_string(ids) or pa.types.is_large_string(ids)):
            raise refused(file, columns.frame_id, f"is {ids}, not strings")
        vectors = self._schema.field(columns.embedding).type
        lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
        if not any(is_list(vectors) for is_list in lists) or not pa.types.is_floating(
            vectors.value_type
        ):
            raise refused(file, columns.embedding, f"is {vectors}, not lists of floats")

    def _rows(self, start: int, table: Any) -> Rows:
        columns = self._columns
        ids = table.column(columns.frame_id)
        if ids.null_count:
            nulls = np.flatnonzero(ids.is_null().to_numpy()) + start
            raise refused(str(self._path), columns.frame_id, "is null", nulls.tolist())
        others = {
            name: table.column(name).to_pylist()
            for name in table.column_names
            if name not in columns.needed
        }
        embeddings = self._embeddings(start, table.column(columns.embedding).combine_chunks())
        rows = Rows(str(self._path), start, columns, ids.to_pylist(), embeddings, others)
        rows.check()
        return rows

    def _embeddings(self, start: int, column: Any) -> NDArray[np.float32]:
        file, name = str(self._path), self._columns.embedding
        if column.null_count:
            nulls = np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)) + start
            raise refused(file, name, "is null", nulls.tolist())
        values = column.flatten()
        if values.null_count:
            raise refused(file, name, f"holds nulls, after row {start}")
        lengths = self._lengths(column)
        ragged = np.flatnonzero(lengths != lengths[0])
        if ragged.size:
            problem = f"has not the {lengths[0]} numbers of row {start}"
            raise refused(file, name, problem, (ragged + start).tolist())
        flat = values.to_numpy(zero_copy_only=False)
        return np.asarray(flat.reshape(len(column), -1), np.float32)

    def _lengths(self, column: Any) -> NDArray[np.int64]:
        if pa.types.is_fixed_size_list(column.type):
            return np.full(len(column), column.type.list_size)
        return np.asarray(np.diff(column.offsets.to_numpy()), np.int64)


def _parquet(path: Path) -> Any:
    # Without buffering ahead: that would hold all of a file that is read from end to end.
    return pq.ParquetFile(path, pre_buffer=False)
