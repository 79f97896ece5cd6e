"""numpy npz files: one array per column, read in batches of rows."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from sluice.errors import InvalidArgument
from sluice.formats.column_errors import check_metadata, column_error, missing_column
from sluice.formats.columns import Columns
from sluice.formats.rows import Column, Rows
from sluice.formats.times import TIME_ZONE_HINT, parse_times
from sluice.formats.values import IDS_HINT, ids_to_text
from sluice.formats.vectors import to_float32

_HEADERS: Final = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_METADATA_KINDS: Final = "UfiubM"
_ID_KINDS: Final = "iuS"
"""Kinds of ids that --ids-as-text reads, beside strings."""

# numpy's own type of strings, as polars may have it, cannot be cast in one step.
_TEXT_HINT: Final = (
    "save it as strings: .astype(str), or .astype(object).astype(str) of StringDType"
)
_YEARS: Final = (np.datetime64("0001-01-01"), np.datetime64("9999-12-31"))
_DAMAGED: Final = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    BadZipFile,
    zlib.error,
)
"""What zipfile and numpy raise for archives that are damaged, encrypted or of another kind."""


class _Array:
    """One array of the archive, read without loading all of it."""

    def __init__(self, archive: ZipFile, member: str) -> None:
        self._member = member
        with archive.open(member) as file:
            self.shape, self._fortran, self.dtype = _read_header(file)

    @property
    def is_matrix(self) -> bool:
        """Whether it has rows of numbers."""
        return len(self.shape) == 2

    @property
    def description(self) -> str:
        """Dtype and shape, for error messages."""
        return f"{self.dtype} of shape {self.shape}"

    def read_parts(self, archive: ZipFile, stack: ExitStack, rows: int) -> Iterator[NDArray[Any]]:
        """The array in parts of `rows` rows."""
        file = stack.enter_context(archive.open(self._member))
        if self._fortran:  # the rows are not contiguous: load all of it
            array = npy.read_array(file, allow_pickle=False)
            yield from (array[start : start + rows] for start in range(0, len(array), rows))
            return
        _read_header(file)
        row_bytes = self.dtype.itemsize * int(np.prod(self.shape[1:]))
        for start in range(0, self.shape[0], rows):
            count = min(rows, self.shape[0] - start)
            content = file.read(count * row_bytes)
            if len(content) < count * row_bytes:
                raise EOFError(f"{self._member} ends early")
            yield np.frombuffer(content, self.dtype).reshape(count, *self.shape[1:])


class NpzSource:
    """An npz file; pickled objects are rejected."""

    def __init__(self, path: Path, columns: Columns, *, embeddings_required: bool = True) -> None:
        self._path, self._file = path, str(path)
        self._passed_over: dict[str, str] = {}
        with self._open() as archive:
            members = {name.removesuffix(".npy"): name for name in archive.namelist()}
            if not embeddings_required and columns.embedding not in members:
                columns = columns.without_embedding()
            self._columns = columns
            arrays = {n: _Array(archive, members[n]) for n in columns.used_of(members)}
        self._check_names(list(members), arrays)
        self._check_columns(arrays)
        self._arrays = {n: array for n, array in arrays.items() if n not in self._passed_over}
        self._check_lengths()
        check_metadata(self._file, columns.metadata_of(self._arrays))

    @property
    def row_count(self) -> int | None:
        """The number of rows."""
        return int(self._arrays[self._columns.own[-1]].shape[0])

    @property
    def passed_over(self) -> Mapping[str, str]:
        """See `Source.passed_over`."""
        return self._passed_over

    def batches(self, rows: int) -> Iterator[Rows]:
        """See `Source.batches`."""
        start = 0
        with self._open() as archive, ExitStack() as stack:
            parts = [array.read_parts(archive, stack, rows) for array in self._arrays.values()]
            for batch in zip(*parts):
                yield self._to_rows(start, dict(zip(self._arrays, batch)))
                start += rows

    @contextmanager
    def _open(self) -> Iterator[ZipFile]:
        try:
            with ZipFile(self._path) as archive:
                yield archive
        except InvalidArgument:
            raise
        except _DAMAGED as error:
            raise InvalidArgument.of("file", f"{self._path} cannot be read: {error}") from error

    def _to_rows(self, start: int, batch: dict[str, NDArray[Any]]) -> Rows:
        columns = self._columns
        ids = self._read_texts(start, columns.frame_id, batch.pop(columns.frame_id))
        embeddings = np.empty((len(ids), 0), np.float32)
        if columns.embedding:
            embeddings = to_float32(batch.pop(columns.embedding))
        others = {name: self._read_column(start, name, array) for name, array in batch.items()}
        numbers = range(start, start + len(ids))
        rows = Rows(self._file, numbers, columns, ids, embeddings, others)
        rows.check()
        return rows

    def _read_texts(self, start: int, name: str, array: NDArray[Any]) -> list[str]:
        numbers = range(start, start + len(array))
        texts = ids_to_text(self._file, name, numbers, array.tolist())
        return [text or "" for text in texts]

    def _read_column(self, start: int, name: str, array: NDArray[Any]) -> Column:
        columns = self._columns
        values: list[Any] | NDArray[Any] = array
        if array.dtype.kind == "M":
            values = self._read_times(start, name, array)
        if name == columns.date_captured:
            numbers = range(start, start + len(array))
            times = list(values) if array.dtype.kind == "M" else array.tolist()
            return parse_times(self._file, name, numbers, times, columns.timezone)
        return self._read_texts(start, name, array) if name == columns.device else values

    def _read_times(self, start: int, name: str, array: NDArray[Any]) -> list[Any]:
        """Times as Python's; InvalidArgument naming the rows beyond the years that it has."""
        # Numbers of days overflow where they become microseconds, so the years are compared first.
        days = array.astype("datetime64[D]")
        rows = np.flatnonzero((days < _YEARS[0]) | (days > _YEARS[1])) + start
        if rows.size:
            problem = f"has times beyond the years 1 to 9999 (is its unit {array.dtype}?)"
            raise column_error(self._file, name, problem, rows.tolist())
        values: list[Any] = array.astype("datetime64[us]").tolist()
        return values

    def _check_names(self, names: list[str], arrays: Mapping[str, _Array]) -> None:
        columns = self._columns
        for needed in columns.needed:
            if needed not in names:
                field = columns.field_of(needed)
                vectors = field == "embedding"
                suitable = [
                    n
                    for n, array in arrays.items()
                    if n not in columns.known and array.is_matrix == vectors
                ]
                raise missing_column(self._file, needed, field, names, suitable)

    def _check_columns(self, arrays: Mapping[str, _Array]) -> None:
        """Check the types of all columns; pass over those that cannot be metadata."""
        columns = self._columns
        for name, array in arrays.items():
            if array.dtype.hasobject:
                hint = _TEXT_HINT
                if name == columns.embedding:
                    hint = "save it as an array of floats: np.stack(…)"
                raise column_error(self._file, name, "holds Python objects", hint=hint)
            if name == columns.embedding:
                self._check_vectors(array)
            elif name in columns.known:
                self._check_text(name, array)
            elif len(array.shape) != 1 or array.dtype.kind not in _METADATA_KINDS:
                if columns.metadata is not None:
                    expected = "metadata are strings, numbers, booleans or times"
                    raise column_error(self._file, name, f"is {array.description}; {expected}")
                self._passed_over[name] = array.description

    def _check_vectors(self, vectors: _Array) -> None:
        if not vectors.is_matrix or vectors.dtype.kind != "f":
            problem = f"is {vectors.description}, not floats of (rows, dimension)"
            raise column_error(self._file, self._columns.embedding, problem)

    def _check_text(self, name: str, array: _Array) -> None:
        """Check a column of ids, URLs or capture times."""
        columns, kind = self._columns, array.dtype.kind
        problem = f"is {array.description}, not strings"
        if len(array.shape) != 1:
            raise column_error(self._file, name, problem)
        if kind == "U":
            return
        if name == columns.date_captured and kind == "M":
            if columns.timezone:
                return
            problem, hint = f"is {array.dtype}, without a time zone", TIME_ZONE_HINT
        elif name in (columns.frame_id, columns.device) and kind in _ID_KINDS:
            if columns.ids_as_text:
                return
            hint = IDS_HINT
        else:
            hint = _TEXT_HINT
        raise column_error(self._file, name, problem, hint=hint)

    def _check_lengths(self) -> None:
        arrays = self._arrays
        rows = arrays[self._columns.own[-1]].shape[0]
        for name, array in arrays.items():
            if array.shape[0] != rows:
                raise column_error(self._file, name, f"has {array.shape[0]} rows, not {rows}")


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"npy version {version} is unsupported")
    shape, fortran, dtype = _HEADERS[version](file)
    return shape, fortran and len(shape) > 1, dtype
