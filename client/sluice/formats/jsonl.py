"""JSON lines files: one object for each frame."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sluice.errors import InvalidArgument
from sluice.formats.columns import Columns
from sluice.formats.rows import Column, Rows, column_error, parse_times


class JsonlSource:
    """A file with one JSON object per line; empty lines are skipped."""

    def __init__(self, path: Path, columns: Columns, *, embeddings_required: bool = True) -> None:
        self._path, self._file, self._columns = path, str(path), columns
        self._embedding = columns.embedding
        if not embeddings_required and not self._has_embeddings():
            self._columns = columns.without_embedding()

    @property
    def row_count(self) -> int | None:
        """None: JSON lines store no row count."""
        return None

    def batches(self, rows: int) -> Iterator[Rows]:
        """See `Source.batches`."""
        start = 0
        with self._path.open("rb") as file:
            objects = self._read_objects(file)
            while batch := list(islice(objects, rows)):
                yield self._to_rows(start, batch)
                start += len(batch)

    def _has_embeddings(self) -> bool:
        """Whether the first row has an embedding."""
        with self._path.open("rb") as file:
            first = next(self._parse_lines(file), {})
        return first.get(self._embedding) is not None

    def _read_objects(self, file: IO[bytes]) -> Iterator[dict[str, Any]]:
        for row, item in enumerate(self._parse_lines(file)):
            for needed in self._columns.own:
                if item.get(needed) is None:
                    raise column_error(self._file, needed, "is missing", [row])
            if not self._columns.embedding and item.pop(self._embedding, None) is not None:
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
            except ValueError as error:
                problem = f"{self._path} line {number} is not JSON: {error}"
                raise InvalidArgument.of("file", problem) from error
            if not isinstance(item, dict):
                raise InvalidArgument.of("file", f"{self._path} line {number} is not a JSON object")
            yield item

    def _to_rows(self, start: int, objects: list[dict[str, Any]]) -> Rows:
        columns = self._columns
        ids = self._read_texts(start, columns.frame_id, objects)
        names = columns.used_of(dict.fromkeys(name for item in objects for name in item))
        others: dict[str, Column] = {
            name: [item.get(name) for item in objects] for name in names if name not in columns.own
        }
        for name in {columns.image_url, columns.device} & others.keys():
            self._read_texts(start, name, objects)
        if columns.date_captured in others:
            times = [item.get(columns.date_captured) for item in objects]
            others[columns.date_captured] = parse_times(
                self._file, columns.date_captured, start, times
            )
        embeddings = np.empty((len(ids), 0), np.float32)
        if columns.embedding:
            embeddings = self._read_embeddings(start, [item[columns.embedding] for item in objects])
        rows = Rows(self._file, start, columns, ids, embeddings, others)
        rows.check()
        return rows

    def _read_texts(self, start: int, name: str, objects: list[dict[str, Any]]) -> list[str]:
        values = [item.get(name) for item in objects]
        invalid = [start + i for i, v in enumerate(values) if not isinstance(v, str | None)]
        if invalid:
            raise column_error(self._file, name, "is not a string", invalid)
        return [value or "" for value in values]

    def _read_embeddings(self, start: int, vectors: list[Any]) -> NDArray[np.float32]:
        file, name = self._file, self._columns.embedding
        invalid = [start + i for i, v in enumerate(vectors) if not isinstance(v, list) or not v]
        if invalid:
            raise column_error(file, name, "is not a list of numbers", invalid)
        length = len(vectors[0])
        ragged = [start + i for i, v in enumerate(vectors) if len(v) != length]
        if ragged:
            raise column_error(
                file, name, f"has a length other than {length} (as in row {start})", ragged
            )
        array = np.array(vectors)
        if array.ndim != 2 or array.dtype.kind not in "fiu":
            invalid = [start + i for i, v in enumerate(vectors) if not all(map(_is_number, v))]
            raise column_error(file, name, "holds values that are not numbers", invalid)
        return array.astype(np.float32)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
