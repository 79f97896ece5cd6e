"""JSON lines files: one object for each frame."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from sluice.errors import InvalidArgument
from sluice.formats.column_errors import column_error, missing_column
from sluice.formats.columns import Columns
from sluice.formats.rows import Column, Rows
from sluice.formats.times import parse_times
from sluice.formats.values import IDS_HINT
from sluice.formats.vectors import to_float32

_BITS_MAX: Final = 1_023
"""Integers of more bits are over the range of float64."""


class JsonlSource:
    """A file with one JSON object per line; empty lines are skipped."""

    def __init__(self, path: Path, columns: Columns, *, embeddings_required: bool = True) -> None:
        self._path, self._file, self._columns = path, str(path), columns
        self._embedding = columns.embedding
        self._passed_over: dict[str, str] = {}
        first = self._read_first()
        if not embeddings_required and first.get(self._embedding) is None:
            self._columns = columns.without_embedding()
        for needed in self._columns.own:
            if first and needed not in first:
                field = columns.field_of(needed)
                raise missing_column(self._file, needed, field, list(first), self._suit(first))

    @property
    def row_count(self) -> int | None:
        """None: JSON lines store no row count."""
        return None

    @property
    def passed_over(self) -> Mapping[str, str]:
        """See `Source.passed_over`."""
        return self._passed_over

    def batches(self, rows: int) -> Iterator[Rows]:
        """See `Source.batches`."""
        start = 0
        with self._open() as file:
            objects = self._read_objects(file)
            while batch := list(islice(objects, rows)):
                yield self._to_rows(start, batch)
                start += len(batch)

    def _open(self) -> IO[bytes]:
        try:
            return self._path.open("rb")
        except OSError as error:
            problem = f"{self._path} cannot be read: {error.strerror}"
            raise InvalidArgument.of("file", problem) from error

    def _read_first(self) -> dict[str, Any]:
        with self._open() as file:
            return next(self._parse_lines(file), {})

    def _read_objects(self, file: IO[bytes]) -> Iterator[dict[str, Any]]:
        columns = self._columns
        for row, item in enumerate(self._parse_lines(file)):
            if item.get(columns.frame_id) is None:
                raise column_error(self._file, columns.frame_id, "is missing", [row])
            if not columns.embedding and item.pop(self._embedding, None) is not None:
                raise column_error(
                    self._file, self._embedding, "is missing in row 0, but not", [row]
                )
            yield item

    def _parse_lines(self, file: IO[bytes]) -> Iterator[dict[str, Any]]:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                item = json.loads(line)
            except (ValueError, RecursionError) as error:
                problem = f"{self._path} line {number} is not JSON: {error}"
                raise InvalidArgument.of("file", problem) from error
            if not isinstance(item, dict):
                raise InvalidArgument.of("file", f"{self._path} line {number} is not a JSON object")
            yield item

    def _suit(self, first: dict[str, Any]) -> list[str]:
        """The columns that hold vectors, if those are what is missing."""
        if self._columns.embedding in first:
            return []
        return [n for n, v in first.items() if isinstance(v, list) and all(map(_is_number, v))]

    def _to_rows(self, start: int, objects: list[dict[str, Any]]) -> Rows:
        columns = self._columns
        numbers = range(start, start + len(objects))
        ids = [text or "" for text in self._read_texts(start, columns.frame_id, objects)]
        names = columns.used_of(dict.fromkeys(name for item in objects for name in item))
        others: dict[str, Column] = {
            name: self._read_column(start, name, objects)
            for name in names
            if name not in columns.own
        }
        embeddings = np.empty((len(ids), 0), np.float32)
        if columns.embedding:
            embeddings = self._read_embeddings(
                start, [item.get(columns.embedding) for item in objects]
            )
        rows = Rows(self._file, numbers, columns, ids, embeddings, others)
        rows.check()
        return rows

    def _read_column(self, start: int, name: str, objects: list[dict[str, Any]]) -> Column:
        columns = self._columns
        values = [item.get(name) for item in objects]
        if name == columns.date_captured:
            numbers = range(start, start + len(values))
            return parse_times(self._file, name, numbers, values, columns.timezone)
        if name in columns.known:
            return self._read_texts(start, name, objects)
        nested = [index for index, value in enumerate(values) if isinstance(value, dict | list)]
        if not nested:
            return values
        kind = "objects" if isinstance(values[nested[0]], dict) else "lists"
        if columns.metadata is not None:
            rows = [start + index for index in nested]
            expected = "metadata are strings, numbers or booleans"
            raise column_error(self._file, name, f"holds {kind}", rows, hint=expected)
        self._passed_over.setdefault(name, kind)
        return [None if isinstance(value, dict | list) else value for value in values]

    def _read_texts(self, start: int, name: str, objects: list[dict[str, Any]]) -> list[str | None]:
        values = [item.get(name) for item in objects]
        invalid = [start + i for i, v in enumerate(values) if not isinstance(v, str | None)]
        if not invalid:
            return values
        columns = self._columns
        are_ids = name != columns.image_url and all(map(_is_id, values))
        if are_ids and columns.ids_as_text:
            return [None if value is None else str(value) for value in values]
        hint = IDS_HINT if are_ids else "write it as text"
        raise column_error(self._file, name, "is not a string", invalid, hint=hint)

    def _read_embeddings(self, start: int, vectors: list[Any]) -> NDArray[np.float32]:
        """The vectors of a batch; missing ones and missing values are NaN."""
        file, name = self._file, self._columns.embedding
        filled = [index for index, vector in enumerate(vectors) if vector not in (None, [])]
        invalid = [start + i for i in filled if not isinstance(vectors[i], list)]
        if invalid:
            raise column_error(file, name, "is not a list of numbers", invalid)
        if not filled:
            return np.empty((len(vectors), 0), np.float32)
        dimension = len(vectors[filled[0]])
        ragged = [start + i for i in filled if len(vectors[i]) != dimension]
        if ragged:
            problem = f"has a length other than {dimension} (as in row {start + filled[0]})"
            raise column_error(file, name, problem, ragged)
        matrix = np.full((len(vectors), dimension), np.nan, np.float32)
        matrix[filled] = self._to_matrix([start + i for i in filled], [vectors[i] for i in filled])
        return matrix

    def _to_matrix(self, rows: list[int], vectors: list[list[Any]]) -> NDArray[np.float32]:
        """Lists of one length as an array; InvalidArgument naming rows with other values."""
        # Nested and mixed values, which numpy cannot or must not convert, are checked one by one.
        try:
            array = np.array(vectors)
        except (ValueError, OverflowError):
            array = np.array(None)
        if array.ndim == 2 and array.dtype.kind in "fiu":
            return to_float32(array)
        invalid = [
            n for n, vector in zip(rows, vectors) if not all(map(_is_number_or_null, vector))
        ]
        if invalid:
            first = next(v for n, v in zip(rows, vectors) if n == invalid[0])
            problem = "holds values that are not numbers"
            if isinstance(first[0], list):
                problem = f"holds arrays of shape ({len(first)}, {len(first[0])}), not vectors"
            raise column_error(self._file, self._columns.embedding, problem, invalid)
        return to_float32(np.array([[_to_float(value) for value in v] for v in vectors]))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_number_or_null(value: object) -> bool:
    return value is None or _is_number(value)


def _is_id(value: object) -> bool:
    return value is None or (isinstance(value, str | int) and not isinstance(value, bool))


def _to_float(value: float | None) -> float:
    """A number as a float: NaN for None, infinite if it is out of range."""
    if value is None:
        return math.nan
    if isinstance(value, int) and value.bit_length() > _BITS_MAX:
        return math.inf
    return float(value)
