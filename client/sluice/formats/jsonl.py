"""JSON lines: one object for each frame."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from sluice.formats.columns import Columns
from sluice.formats.rows import Rows, refused


class JsonlSource:
    """A file with one JSON object a line; empty lines are passed over."""

    def __init__(self, path: Path, columns: Columns) -> None:
        self._path, self._columns = path, columns

    @property
    def row_count(self) -> int | None:
        """Not known before all is read."""
        return None

    def batches(self, rows: int) -> Iterator[Rows]:
        """See `Source.batches`."""
        start = 0
        with self._path.open(encoding="utf-8") as file:
            while objects := list(islice(self._objects(file, start), rows)):
                yield self._rows(start, objects)
                start += len(objects)

    def _objects(self, file: TextIO, start: int) -> Iterator[dict[str, Any]]:
        row = start
        while line := file.readline():
            if not line.strip():
                continue
            try:
                found = json.loads(line)
            except ValueError as error:
                raise refused(str(self._path), "", f"is no JSON: {error}", [row]) from error
            for needed in self._columns.needed:
                if not isinstance(found, dict) or found.get(needed) is None:
                    raise refused(str(self._path), needed, "is missing", [row])
            yield found
            row += 1

    def _rows(self, start: int, objects: list[dict[str, Any]]) -> Rows:
        columns = self._columns
        names = {name for found in objects for name in found} - {*columns.needed}
        ids = [found[columns.frame_id] for found in objects]
        wrong = [start + i for i, frame_id in enumerate(ids) if not isinstance(frame_id, str)]
        if wrong:
            raise refused(str(self._path), columns.frame_id, "is no string", wrong)
        others = {name: [found.get(name) for found in objects] for name in names}
        embeddings = self._embeddings(start, [found[columns.embedding] for found in objects])
        rows = Rows(str(self._path), start, columns, ids, embeddings, others)
        rows.check()
        return rows

    def _embeddings(self, start: int, vectors: list[Any]) -> NDArray[np.float32]:
        file, name = str(self._path), self._columns.embedding
        wrong = [start + i for i, v in enumerate(vectors) if not isinstance(v, list) or not v]
        if wrong:
            raise refused(file, name, "is no list of numbers", wrong)
        ragged = [start + i for i, v in enumerate(vectors) if len(v) != len(vectors[0])]
        if ragged:
            raise refused(
                file, name, f"has not the {len(vectors[0])} numbers of row {start}", ragged
            )
        try:
            return np.array(vectors, np.float32)
        except (TypeError, ValueError) as error:
            raise refused(file, name, f"is no list of numbers, after row {start}") from error
