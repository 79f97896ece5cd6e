"""numpy npz files: one array per column, read in batches of rows."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from sluice.errors import InvalidArgument
from sluice.formats.columns import Columns
from sluice.formats.rows import Column, Rows, check_metadata, column_error, parse_times

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_METADATA_KINDS = "Ufiub"
_DAMAGED = (OSError, ValueError, EOFError, BadZipFile, zlib.error)


class _Array:
    """One array of the archive, read without loading all of it."""

    def __init__(self, archive: ZipFile, member: str) -> None:
        self._member = member
        with archive.open(member) as file:
            self.shape, self._fortran, self.dtype = _read_header(file)

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
        with self._open() as archive:
            members = {name.removesuffix(".npy"): name for name in archive.namelist()}
            if not embeddings_required and columns.embedding not in members:
                columns = columns.without_embedding()
            self._columns = columns
            self._check_names(list(members))
            used = columns.used_of(members)
            self._arrays = {name: _Array(archive, members[name]) for name in used}
        self._check_arrays()

    @property
    def row_count(self) -> int | None:
        """The number of rows."""
        return int(self._arrays[self._columns.own[-1]].shape[0])

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
        ids = batch.pop(columns.frame_id).tolist()
        embeddings = np.empty((len(ids), 0), np.float32)
        if columns.embedding:
            embeddings = np.asarray(batch.pop(columns.embedding), np.float32)
        others: dict[str, Column] = {**batch}
        if (times := batch.get(columns.date_captured)) is not None:
            captured = parse_times(self._file, columns.date_captured, start, times.tolist())
            others[columns.date_captured] = captured
        rows = Rows(self._file, start, columns, ids, embeddings, others)
        rows.check()
        return rows

    def _check_names(self, names: list[str]) -> None:
        for needed in self._columns.needed:
            if needed not in names:
                problem = f"is missing; the file has {', '.join(names)}"
                raise column_error(self._file, needed, problem)
        check_metadata(self._file, self._columns.metadata_of(names))

    def _check_arrays(self) -> None:
        columns, arrays = self._columns, self._arrays
        if columns.embedding:
            vectors = arrays[columns.embedding]
            if len(vectors.shape) != 2 or vectors.dtype.kind != "f":
                problem = f"is {vectors.description}, not floats of (rows, dimension)"
                raise column_error(self._file, columns.embedding, problem)
        rows = arrays[columns.own[-1]].shape[:1] or (0,)
        for name, array in arrays.items():
            if array.shape[:1] != rows:
                count = array.shape[0] if array.shape else "no"
                raise column_error(self._file, name, f"has {count} rows, not {rows[0]}")
        texts = {columns.frame_id, columns.image_url, columns.date_captured, columns.device}
        for name in arrays.keys() - {columns.embedding}:
            kinds = "U" if name in texts else _METADATA_KINDS
            if len(arrays[name].shape) != 1 or arrays[name].dtype.kind not in kinds:
                expected = "strings" if kinds == "U" else "strings, numbers or booleans"
                raise column_error(
                    self._file, name, f"is {arrays[name].description}, not {expected}"
                )


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"npy version {version} is unsupported")
    shape, fortran, dtype = _HEADERS[version](file)
    if dtype.hasobject:
        raise ValueError("pickled objects are unsupported")
    return shape, fortran and len(shape) > 1, dtype
