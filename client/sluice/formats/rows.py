"""Some rows of a file, as columns, and the frames that they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
    """The values of one column, asked for one by one: only frames that match need theirs."""

    def __getitem__(self, index: int, /) -> Any: ...


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows from `start` on: ids, embeddings `(rows, dimension) float32`, and all other columns.

    Row numbers begin with 0.
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
        """The frame of one row; InvalidArgument naming file, row and what is wrong."""
        values = {name: _plain(column[index]) for name, column in self.others.items()}
        columns = self.columns
        image_url, device = values.get(columns.image_url), values.get(columns.device)
        captured = values.get(columns.date_captured)
        frame = Frame(
            id=self.ids[index],
            capture_time=captured if isinstance(captured, datetime) else None,
            device=str(device or ""),
            sensors=(SensorData(sensor_id=IMAGE_SENSOR, url=str(image_url)),) if image_url else (),
            metadata=_metadata({name: values.get(name) for name in columns.metadata_of(values)}),
        )
        frame.check(f"{self.file} row {self.start + index}")
        return frame

    def check(self) -> None:
        """Refuse an empty or duplicate id."""
        first: dict[str, int] = {}
        for index, frame_id in enumerate(self.ids):
            if not frame_id:
                raise refused(self.file, self.columns.frame_id, "is empty", [self.start + index])
            earlier = first.setdefault(frame_id, index)
            if earlier != index:
                rows = [self.start + earlier, self.start + index]
                problem = f"has duplicate {frame_id!r}"
                raise refused(self.file, self.columns.frame_id, problem, rows)

    def unit(self, dimension: int) -> NDArray[np.float32]:
        """The embeddings, normalised.

        InvalidArgument naming rows of another dimension, or with NaN, infinity or only zeros.
        """
        file, column = self.file, self.columns.embedding
        if (length := self.embeddings.shape[1]) != dimension:
            problem = f"has {length} numbers, not the {dimension} of row 0"
            raise refused(file, column, problem, [self.start])
        try:
            return normalise(self.embeddings)
        except InvalidArgument:
            finite = np.isfinite(self.embeddings).all(axis=1)
            bad = np.flatnonzero(~(finite & self.embeddings.any(axis=1))) + self.start
            problem = "holds NaN, infinity or only zeros"
            raise refused(file, column, problem, bad.tolist(), reason="INVALID_VECTOR") from None


def parse_times(
    file: str, column: str, start: int, values: Sequence[object]
) -> list[datetime | None]:
    """The times that ISO 8601 texts say; all of them now, so that a bad one costs nothing.

    InvalidArgument naming the rows with another thing, or a time without a zone.
    """
    times = [_time(file, column, start + index, value) for index, value in enumerate(values)]
    naive = [start + i for i, time in enumerate(times) if time is not None and not time.tzinfo]
    if naive:
        raise refused(file, column, "has no time zone", naive)
    return times


def check_metadata(file: str, names: Sequence[str]) -> None:
    """Refuse more columns of metadata than a frame may have."""
    if len(names) > METADATA_PAIRS_MAX:
        problem = f"is one of {len(names)} of metadata; at most {METADATA_PAIRS_MAX} can be kept"
        raise refused(file, names[-1], problem)


def refused(
    file: str, column: str, problem: str, rows: Sequence[int] = (), *, reason: str | None = None
) -> InvalidArgument:
    """The error of a file: which column, what is wrong, in which rows."""
    more = ", …" if len(rows) > _ROWS_NAMED_MAX else ""
    named = ", ".join(map(str, rows[:_ROWS_NAMED_MAX])) + more
    rows_text = f" in {len(rows)} rows: {named}" if len(rows) > 1 else f" in row {named}"
    description = problem + (rows_text if rows else "")
    return InvalidArgument(
        f"{file}: column {column!r} {description}",
        reason=reason,
        fields=[FieldViolation(column, description)],
        metadata={"file": file, "column": column, "rows": named},
    )


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _metadata(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is there of some values, as frames have it: times and dates as text."""
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in values.items()
        if not _missing(value)
    }


def _time(file: str, column: str, row: int, value: object) -> datetime | None:
    if _missing(value) or value == "":
        return None
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    raise refused(file, column, f"{value!r} is not an ISO 8601 time", [row])
