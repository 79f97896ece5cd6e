"""Capture times of a file: ISO 8601 texts, and times without a time zone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sluice.errors import InvalidArgument
from sluice.formats.column_errors import column_error
from sluice.formats.values import is_missing

TIME_ZONE_HINT: Final = "name it by --timezone, such as UTC or Europe/Berlin"


def parse_time_zone(name: str) -> tzinfo | None:
    """The time zone of a name such as Europe/Berlin, or of an offset such as +02:00; None for "".

    Raises InvalidArgument for an unknown one.
    """
    if not name:
        return None
    if name.upper() in {"UTC", "Z"}:  # known without a database of time zones
        return UTC
    try:
        if name[0] in "+-":
            return datetime.fromisoformat(f"2000-01-01T00:00{name}").tzinfo
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        problem = f"{name!r} is unknown; use a name such as Europe/Berlin or UTC, or +02:00"
        raise InvalidArgument.of("timezone", problem) from None


def parse_times(
    file: str, column: str, numbers: Sequence[int], values: Sequence[object], zone: str
) -> list[datetime | None]:
    """Parse a column of ISO 8601 texts and times; `zone` names the zone of times without one.

    `numbers` are the numbers of the rows. Times without a zone stay so; `add_time_zone` adds it.
    All of them are parsed before any row is scored, so that a malformed one costs nothing. Raises
    InvalidArgument naming the rows with a malformed time, or one without a time zone.
    """
    times = [_parse_time(file, column, *item) for item in zip(numbers, values, strict=True)]
    naive = [index for index, time in enumerate(times) if time is not None and not time.tzinfo]
    if naive and not zone:
        rows = [numbers[index] for index in naive]
        raise column_error(file, column, "has no time zone", rows, hint=TIME_ZONE_HINT)
    return times


def add_time_zone(time: datetime, zone: str) -> datetime:
    """The time, in the time zone of that name if it has none."""
    return time if time.tzinfo else time.replace(tzinfo=parse_time_zone(zone))


def _parse_time(file: str, column: str, row: int, value: object) -> datetime | None:
    if is_missing(value) or value == "":
        return None
    if isinstance(value, datetime):
        return value
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    problem = f"{value!r:.64} is not an ISO 8601 time"
    hint = "write times such as 2026-01-31T12:00:00Z"
    raise column_error(file, column, problem, [row], hint=hint)
