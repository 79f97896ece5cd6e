"""Duplicate ids in a file, found however far apart they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sluice.errors import InvalidArgument
from sluice.formats.column_errors import column_error
from sluice.formats.rows import Rows, Source


class UniqueIds:
    """The hashes of the ids of a file so far: 8 bytes for each id, in sorted runs."""

    def __init__(self) -> None:
        self._runs: list[NDArray[np.int64]] = []

    def add(self, ids: Sequence[str]) -> list[int]:
        """Add ids; returns the indexes of those that may be duplicates, in rising order.

        Different ids have equal hashes rarely, but they may: compare the ids.
        """
        hashes = np.fromiter(map(hash, ids), np.int64, len(ids))
        order = np.argsort(hashes, kind="stable")
        run = hashes[order]
        repeated = np.zeros(len(run), bool)
        repeated[1:] = run[1:] == run[:-1]
        for earlier in self._runs:
            positions = np.minimum(np.searchsorted(earlier, run), len(earlier) - 1)
            repeated |= earlier[positions] == run
        self._keep(run)
        suspects: list[int] = np.sort(order[repeated]).tolist()
        return suspects

    def _keep(self, run: NDArray[np.int64]) -> None:
        """Merge runs of similar size, so that there are few and each is merged few times."""
        if not len(run):
            return
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        self._runs.append(run)


class UniqueSource:
    """A file whose frames must have different ids, whatever batches it is read in."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def row_count(self) -> int | None:
        """See `Source.row_count`."""
        return self._source.row_count

    @property
    def passed_over(self) -> Mapping[str, str]:
        """See `Source.passed_over`."""
        return self._source.passed_over

    def batches(self, rows: int) -> Iterator[Rows]:
        """See `Source.batches`; InvalidArgument naming a duplicate id and both rows."""
        ids = UniqueIds()
        for batch in self._source.batches(rows):
            for index in ids.add(batch.ids):
                self._check(batch, index, rows)
            yield batch

    def _check(self, batch: Rows, index: int, rows: int) -> None:
        """Refuse the id of a row if an earlier row has it too."""
        frame_id, row = batch.ids[index], batch.numbers[index]
        for earlier in self._source.batches(rows):
            if frame_id in earlier.ids:
                first = earlier.numbers[earlier.ids.index(frame_id)]
                if (earlier.file, first) != (batch.file, row):
                    raise _duplicate(batch, frame_id, row, earlier.file, first)
                return


def _duplicate(batch: Rows, frame_id: str, row: int, file: str, first: int) -> InvalidArgument:
    """The error for an id that an earlier row has too, maybe in another file."""
    column = batch.columns.frame_id
    if file == batch.file:
        return column_error(file, column, f"has duplicate {frame_id!r}", [first, row])
    problem = f"has duplicate {frame_id!r}, which row {first} of {file} has too,"
    return column_error(batch.file, column, problem, [row])
