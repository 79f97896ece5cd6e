"""Rows without a usable vector: refused by name, or left out and listed in a file of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from sluice.errors import FailedPrecondition
from sluice.formats.column_errors import column_error
from sluice.formats.rows import Rows, Source
from sluice.formats.vectors import find_bad_vectors


class SkippedRows:
    """The rows that a reader leaves out, listed in a file as JSON lines.

    A line is `{"file": "a.parquet", "row": 7, "frame_id": "f7", "problem": "holds only zeros"}`.
    A file that is read several times has each of its rows listed once.
    """

    def __init__(self, path: Path) -> None:
        """`path` is the file of the list; an earlier list there is removed."""
        self.path, self.count = path, 0
        self._ends: dict[str, int] = {}
        """The number of the row after the last one that was listed, by file."""
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise self._error(error) from error

    def add(self, rows: Rows, problems: Mapping[int, str]) -> None:
        """List rows of a batch: their problems by index. FailedPrecondition if that fails."""
        end = self._ends.get(rows.file, 0)
        lines = [
            {
                "file": rows.file,
                "row": rows.numbers[index],
                "frame_id": rows.ids[index],
                "problem": problem,
            }
            for index, problem in problems.items()
            if rows.numbers[index] >= end
        ]
        if not lines:
            return
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(line) + "\n" for line in lines)
        except OSError as error:
            raise self._error(error) from error
        self.count += len(lines)
        self._ends[rows.file] = rows.numbers[max(problems)] + 1

    def _error(self, error: OSError) -> FailedPrecondition:
        return FailedPrecondition(
            f"{self.path}: cannot list the skipped rows: {error.strerror}; choose another file by "
            "--skipped-file"
        )


class VectorCheck:
    """A file whose rows must have vectors of one dimension, or are left out without one."""

    def __init__(self, source: Source, skipped: SkippedRows | None) -> None:
        self._source, self._skipped = source, skipped

    @property
    def row_count(self) -> int | None:
        """See `Source.row_count`; rows that are left out are included."""
        return self._source.row_count

    @property
    def passed_over(self) -> Mapping[str, str]:
        """See `Source.passed_over`."""
        return self._source.passed_over

    def batches(self, rows: int) -> Iterator[Rows]:
        """See `Source.batches`; a batch has fewer rows if some are left out, and never none."""
        dimension = 0
        for batch in self._source.batches(rows):
            if not batch.columns.embedding:
                yield batch
                continue
            usable = self._leave_out(batch)
            if not len(usable):
                continue
            length = usable.embeddings.shape[1]
            dimension = dimension or length
            if length != dimension:
                problem = f"has {length} numbers, not {dimension} as in the first row"
                raise column_error(batch.file, batch.columns.embedding, problem, usable.numbers[:1])
            yield usable

    def _leave_out(self, batch: Rows) -> Rows:
        """The batch without rows that have no usable vector; InvalidArgument naming them."""
        if self._skipped is None:
            batch.check_vectors()
            return batch
        problems = find_bad_vectors(batch.embeddings)
        if not problems:
            return batch
        self._skipped.add(batch, problems)
        return batch.take([index for index in range(len(batch)) if index not in problems])
