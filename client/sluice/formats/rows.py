"""A batch of rows of a frame file, stored by column, and their conversion to frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from sluice.errors import InvalidArgument
from sluice.formats.column_errors import column_error
from sluice.formats.columns import Columns
from sluice.formats.times import add_time_zone
from sluice.formats.values import UNREADABLE, is_missing, to_metadata, to_python
from sluice.formats.vectors import find_bad_vectors
from sluice.frames import Frame
from sluice.scoring import normalise
from sluice.sensors import SensorData

IMAGE_SENSOR: Final = "image"


class Column(Protocol):
    """The values of one column, converted one at a time: only matching frames need them."""

    def __getitem__(self, index: int, /) -> Any: ...


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Consecutive rows: ids, embeddings `(rows, dimension) float32`, and all other columns.

    `numbers` are the numbers of the rows in the file, which begin with 0. The dimension is 0 in a
    file without embeddings.
    """

    file: str
    numbers: Sequence[int]
    columns: Columns
    ids: Sequence[str]
    embeddings: NDArray[np.float32]
    others: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, indexes: Sequence[int]) -> Rows:
        """The rows at these indexes."""
        return replace(
            self,
            numbers=[self.numbers[index] for index in indexes],
            ids=[self.ids[index] for index in indexes],
            embeddings=self.embeddings[list(indexes)],
            others={name: _ColumnPart(column, indexes) for name, column in self.others.items()},
        )

    def frame(self, index: int) -> Frame:
        """The frame of one row; raises InvalidArgument naming file, row and field."""
        values = {name: self._read_value(name, index) for name in self.others}
        columns = self.columns
        image_url, device = values.get(columns.image_url), values.get(columns.device)
        captured = values.get(columns.date_captured)
        metadata = {name: to_metadata(values.get(name)) for name in columns.metadata_of(values)}
        frame = Frame(
            id=self.ids[index],
            capture_time=(
                add_time_zone(captured, columns.timezone)
                if isinstance(captured, datetime)
                else None
            ),
            device=str(device or ""),
            sensors=(SensorData(sensor_id=IMAGE_SENSOR, url=str(image_url)),) if image_url else (),
            metadata={name: value for name, value in metadata.items() if not is_missing(value)},
        )
        frame.check(f"{self.file} row {self.numbers[index]}")
        return frame

    def check(self) -> None:
        """Raise InvalidArgument for an id that is empty, or not encodable as UTF-8."""
        column = self.columns.frame_id
        empty = [n for n, frame_id in zip(self.numbers, self.ids) if not frame_id]
        if empty:
            raise column_error(self.file, column, "is empty", empty)
        if not _is_encodable("".join(self.ids)):
            malformed = [n for n, id in zip(self.numbers, self.ids) if not _is_encodable(id)]
            raise column_error(self.file, column, "cannot be encoded as UTF-8", malformed)

    def unit(self, dimension: int) -> NDArray[np.float32]:
        """The normalised embeddings, `(rows, dimension) float32`.

        Raises InvalidArgument naming the rows of another dimension, or with NaN, infinity or only
        zeros.
        """
        if (length := self.embeddings.shape[1]) != dimension:
            problem = f"has {length} numbers, not {dimension} as in the first row"
            raise column_error(self.file, self.columns.embedding, problem, self.numbers[:1])
        try:
            return normalise(self.embeddings)
        except InvalidArgument:
            self.check_vectors()
            raise

    def check_vectors(self) -> None:
        """Raise InvalidArgument for vectors that are missing, or have no direction."""
        problems = find_bad_vectors(self.embeddings)
        if not problems:
            return
        raise column_error(
            self.file,
            self.columns.embedding,
            " or ".join(sorted(set(problems.values()))),
            [self.numbers[index] for index in problems],
            hint="--skip-bad-rows leaves such rows out",
            reason="INVALID_VECTOR",
        )

    def _read_value(self, name: str, index: int) -> Any:
        try:
            return to_python(self.others[name][index])
        except UNREADABLE as error:
            problem = f"cannot be read: {error}"
            raise column_error(self.file, name, problem, [self.numbers[index]]) from error


class Source(Protocol):
    """A file of frames."""

    @property
    def row_count(self) -> int | None:
        """The number of rows; None for formats that store no row count."""

    def batches(self, rows: int) -> Iterator[Rows]:
        """All rows in file order, in batches of `rows`; the last batch may be smaller.

        Raises InvalidArgument for invalid data, naming file, column and rows.
        """

    @property
    def passed_over(self) -> Mapping[str, str]:
        """The type of each column read so far that cannot be metadata, and is left out."""


@dataclass(frozen=True, slots=True)
class _ColumnPart:
    """Some rows of a column."""

    column: Column
    indexes: Sequence[int]

    def __getitem__(self, index: int) -> Any:
        return self.column[self.indexes[index]]


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
