"""A batch of rows of a frame file, stored by column, and their conversion to frames."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sluice.errors import FieldViolation, InvalidArgument
from sluice.formats.columns import Columns
from sluice.frames import Frame
from sluice.limits import METADATA_PAIRS_MAX
from sluice.scoring import normalise
from sluice.sensors import SensorData

IMAGE_SENSOR = "image"
_ROWS_NAMED_MAX = 10


class Column(Protocol):
    """The values of one column, converted one at a time: only matching frames need them."""

    def __getitem__(self, index: int, /) -> Any: ...


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Consecutive rows: ids, embeddings `(rows, dimension) float32`, and all other columns.

    `start` is the number of the first row; row numbers begin with 0. The dimension is 0 in a file
    without embeddings.
    """

    file: str
    start: int
    columns: Columns
    ids: Sequence[str]
    embeddings: NDArray[np.float32]
    others: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.ids)

    def frame(self, index: int) -> Frame:
        """The frame of one row; raises InvalidArgument naming file, row and field."""
        values = {name: _to_python(column[index]) for name, column in self.others.items()}
        columns = self.columns
        image_url, device = values.get(columns.image_url), values.get(columns.device)
        captured = values.get(columns.date_captured)
        frame = Frame(
            id=self.ids[index],
            capture_time=captured if isinstance(captured, datetime) else None,
            device=str(device or ""),
            sensors=(SensorData(sensor_id=IMAGE_SENSOR, url=str(image_url)),) if image_url else (),
            metadata=_make_metadata(
                {name: values.get(name) for name in columns.metadata_of(values)}
            ),
        )
        frame.check(f"{self.file} row {self.start + index}")
        return frame

    def check(self) -> None:
        """Raise InvalidArgument for an empty id."""
        empty = [self.start + index for index, frame_id in enumerate(self.ids) if not frame_id]
        if empty:
            raise column_error(self.file, self.columns.frame_id, "is empty", empty)

    def unit(self, dimension: int) -> NDArray[np.float32]:
        """The normalised embeddings, `(rows, dimension) float32`.

        Raises InvalidArgument naming the rows of another dimension, or with NaN, infinity or only
        zeros.
        """
        file, column = self.file, self.columns.embedding
        if (length := self.embeddings.shape[1]) != dimension:
            problem = f"has {length} numbers, not the {dimension} of row 0"
            raise column_error(file, column, problem, [self.start])
        try:
            return normalise(self.embeddings)
        except InvalidArgument:
            finite = np.isfinite(self.embeddings).all(axis=1)
            invalid_rows = np.flatnonzero(~(finite & self.embeddings.any(axis=1))) + self.start
            problem = "holds NaN, infinity or only zeros"
            raise column_error(
                file, column, problem, invalid_rows.tolist(), reason="INVALID_VECTOR"
            ) from None


class Source(Protocol):
    """A file of frames."""

    @property
    def row_count(self) -> int | None:
        """The number of rows; None for formats that store no row count."""

    def batches(self, rows: int) -> Iterator[Rows]:
        """All rows in file order, in batches of `rows`; the last batch may be smaller.

        Raises InvalidArgument for invalid data, naming file, column and rows.
        """


def parse_times(
    file: str, column: str, start: int, values: Sequence[object]
) -> list[datetime | None]:
    """Parse a column of ISO 8601 times.

    All of them are parsed before any row is scored, so that a malformed one costs nothing. Raises
    InvalidArgument naming the rows with a malformed time, or one without a time zone.
    """
    times = [_parse_time(file, column, start + index, value) for index, value in enumerate(values)]
    naive = [start + i for i, time in enumerate(times) if time is not None and not time.tzinfo]
    if naive:
        raise column_error(file, column, "has no time zone", naive)
    return times


def check_metadata(file: str, names: Sequence[str]) -> None:
    """Raise InvalidArgument for more metadata columns than a frame may have."""
    if len(names) > METADATA_PAIRS_MAX:
        problem = f"is over the limit of {METADATA_PAIRS_MAX} metadata columns (got {len(names)})"
        raise column_error(file, names[-1], problem)


def column_error(
    file: str, column: str, problem: str, rows: Sequence[int] = (), *, reason: str | None = None
) -> InvalidArgument:
    """The error for a column of a file, with the problem and the rows that have it."""
    ellipsis = ", …" if len(rows) > _ROWS_NAMED_MAX else ""
    row_list = ", ".join(map(str, rows[:_ROWS_NAMED_MAX])) + ellipsis
    rows_text = f" in {len(rows)} rows: {row_list}" if len(rows) > 1 else f" in row {row_list}"
    description = problem + (rows_text if rows else "")
    return InvalidArgument(
        f"{file}: column {column!r} {description}",
        reason=reason,
        fields=[FieldViolation(column, description)],
        metadata={"file": file, "column": column, "rows": row_list},
    )


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _to_python(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _make_metadata(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are present, as frame metadata: times and dates become text."""
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in values.items()
        if not _is_missing(value)
    }


def _parse_time(file: str, column: str, row: int, value: object) -> datetime | None:
    if _is_missing(value) or value == "":
        return None
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    raise column_error(file, column, f"{value!r} is not an ISO 8601 time", [row])
