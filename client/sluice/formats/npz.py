"""numpy's npz files: one array for each column."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from sluice.errors import InvalidArgument
from sluice.formats.columns import Columns
from sluice.formats.rows import Rows, refused


class NpzSource:
    """An npz file, without pickled objects."""

    def __init__(self, path: Path, columns: Columns) -> None:
        self._file, self._columns = str(path), columns
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as loaded:
                self._arrays = {name: loaded[name] for name in loaded.files}
        except (OSError, ValueError, EOFError, BadZipFile) as error:
            raise InvalidArgument.of("file", f"{path} cannot be read: {error}") from error
        for needed in columns.needed:
            if needed not in self._arrays:
                known = ", ".join(self._arrays)
                raise refused(self._file, needed, f"is missing; the file has {known}")
        vectors, ids = self._arrays[columns.embedding], self._arrays[columns.frame_id]
        if vectors.ndim != 2 or vectors.dtype.kind != "f":
            problem = (
                f"is {vectors.dtype} of shape {vectors.shape}, not floats of (rows, dimension)"
            )
            raise refused(self._file, columns.embedding, problem)
        if ids.ndim != 1 or ids.dtype.kind != "U":
            raise refused(self._file, columns.frame_id, f"is {ids.dtype}, not strings")
        for name, array in self._arrays.items():
            if len(array) != len(vectors):
                raise refused(self._file, name, f"has {len(array)} rows, not {len(vectors)}")

    @property
    def row_count(self) -> int | None:
        """How many rows there are."""
        return len(self._arrays[self._columns.embedding])

    def batches(self, rows: int) -> Iterator[Rows]:
        """See `Source.batches`."""
        columns = self._columns
        for start in range(0, self.row_count or 0, rows):
            part = {name: array[start : start + rows] for name, array in self._arrays.items()}
            batch = Rows(
                self._file,
                start,
                columns,
                part[columns.frame_id].tolist(),
                part[columns.embedding].astype(np.float32),
                {n: a.tolist() for n, a in part.items() if n not in columns.needed},
            )
            batch.check()
            yield batch
