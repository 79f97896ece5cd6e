"""Some rows of a file, as columns, and the frames that they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sluice.errors import FieldViolation, InvalidArgument
from sluice.formats.columns import Columns
from sluice.frames import Frame
from sluice.sensors import SensorData

IMAGE_SENSOR = "image"
_ROWS_NAMED_MAX = 10


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows from `start` on: ids, embeddings `(rows, dimension) float32`, and all other columns."""

    file: str
    start: int
    columns: Columns
    ids: Sequence[str]
    embeddings: NDArray[np.float32]
    others: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(self.ids)

    def frame(self, index: int) -> Frame:
        """The frame of one row; InvalidArgument naming file, row and what is wrong."""
        values = {name: column[index] for name, column in self.others.items()}
        columns, where = self.columns, f"{self.file} row {self.start + index}"
        image_url, device = values.get(columns.image_url), values.get(columns.device)
        frame = Frame(
            id=self.ids[index],
            capture_time=_time(where, columns.date_captured, values.get(columns.date_captured)),
            device=str(device or ""),
            sensors=(SensorData(sensor_id=IMAGE_SENSOR, url=str(image_url)),) if image_url else (),
            metadata={
                name: value
                for name, value in values.items()
                if name not in columns.known and not _missing(value)
            },
        )
        frame.check(where)
        return frame

    def check(self) -> None:
        """Refuse an id that is empty or stands twice."""
        first: dict[str, int] = {}
        for index, frame_id in enumerate(self.ids):
            if not frame_id:
                raise refused(self.file, self.columns.frame_id, "is empty", [self.start + index])
            earlier = first.setdefault(frame_id, index)
            if earlier != index:
                rows = [self.start + earlier, self.start + index]
                problem = f"{frame_id!r} stands twice"
                raise refused(self.file, self.columns.frame_id, problem, rows)


def refused(file: str, column: str, problem: str, rows: Sequence[int] = ()) -> InvalidArgument:
    """The error of a file: which column, what is wrong, in which rows."""
    named = ", ".join(map(str, rows[:_ROWS_NAMED_MAX])) + (", …" if len(rows) > 10 else "")
    where = f" in {len(rows)} rows: {named}" if rows else ""
    return InvalidArgument(
        f"{file}: column {column!r} {problem}{where}",
        fields=[FieldViolation(column, problem + where)],
        metadata={"file": file, "column": column, "rows": named},
    )


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _time(where: str, column: str, value: object) -> datetime | None:
    if _missing(value) or value == "":
        return None
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise InvalidArgument.of(f"{where}, {column}", f"{value!r} is no ISO 8601 time") from None
