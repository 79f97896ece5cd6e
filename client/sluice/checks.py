"""Checks shared by the client and the services; their errors name the field and its value."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from sluice.errors import InvalidArgument
from sluice.limits import ID_BYTES_MAX, URL_BYTES_MAX

_UINT32_MAX = 2**32 - 1


def too_large(field: str, problem: str, limit: int) -> InvalidArgument:
    """The error for a value over a limit; its metadata holds the limit for programs."""
    return InvalidArgument.of(field, problem, reason="TOO_LARGE", metadata={"limit": str(limit)})


def check_text(
    field: str, value: str, bytes_max: int = ID_BYTES_MAX, *, empty: bool = False
) -> None:
    """Reject a text that is too long, not encodable as UTF-8, or empty unless `empty` is set."""
    if not isinstance(value, str):
        raise InvalidArgument.of(field, _expected_text(value))
    if not value and not empty:
        raise InvalidArgument.of(field, f"is empty; 1 to {bytes_max:,} bytes are accepted")
    try:
        size_bytes = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidArgument.of(field, f"{value!r} cannot be encoded as UTF-8") from None
    if size_bytes > bytes_max:
        problem = f"{value[:32]!r}… has {size_bytes:,} bytes; at most {bytes_max:,} are accepted"
        raise too_large(field, problem, bytes_max)


def check_url(field: str, value: str) -> None:
    """Reject an empty or too long URL."""
    check_text(field, value, URL_BYTES_MAX)


def check_finite(field: str, value: float) -> None:
    """Reject NaN and infinity."""
    if not math.isfinite(value):
        raise InvalidArgument.of(field, f"{value} is not a finite number")


def check_positive(field: str, value: float) -> None:
    """Reject all but finite numbers over 0."""
    check_finite(field, value)
    if value <= 0:
        raise InvalidArgument.of(field, f"{value} is not over 0")


def check_count(field: str, value: int) -> None:
    """Reject a number that does not fit into uint32."""
    if not 0 <= value <= _UINT32_MAX:
        raise InvalidArgument.of(field, f"{value} is not in 0…{_UINT32_MAX:,}")


def read_texts(field: str, values: Iterable[str]) -> list[str]:
    """The texts of an iterable, such as the ids of frames.

    Raises InvalidArgument for a single text, which would be taken letter by letter, for a value
    that is not iterable, and for an item that is not a text. Errors of the iterable are raised as
    they are.
    """
    if isinstance(values, str | bytes):
        raise InvalidArgument.of(field, f"{values!r} is one text; expected a list: [{values!r}]")
    if isinstance(values, Mapping) or not isinstance(values, Iterable):
        raise InvalidArgument.of(
            field, f"{values!r} is of type {type(values).__name__}; expected a list of texts"
        )
    texts = list(values)
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise InvalidArgument.of(f"{field}[{index}]", _expected_text(text))
    return texts


def _expected_text(value: object) -> str:
    return f"{value!r} is of type {type(value).__name__}; expected a text, such as {str(value)!r}"


def check_unique(field: str, what: str, values: Iterable[str]) -> None:
    """Reject duplicate values."""
    value, count = max(Counter(values).items(), key=lambda item: item[1], default=("", 0))
    if count > 1:
        raise InvalidArgument.of(field, f"{what} {value!r} occurs {count} times")


def check_time(field: str, value: datetime | None) -> None:
    """Reject a time without a time zone, or outside the years 1 to 9999 in UTC."""
    if value is None:
        return
    if value.utcoffset() is None:
        raise InvalidArgument.of(
            field, f"{value.isoformat()} has no time zone; for UTC add tzinfo=datetime.UTC"
        )
    try:
        value.astimezone(UTC)
    except OverflowError:
        problem = f"{value.isoformat()} is not between the years 1 and 9999 in UTC"
        raise InvalidArgument.of(field, problem) from None


def to_timestamp(value: datetime | None) -> Timestamp | None:
    """The message of a time; None for None."""
    if value is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(value.astimezone(UTC))
    return timestamp


def from_timestamp(field: str, message: Timestamp) -> datetime:
    """The time of a message, in UTC, with microseconds."""
    try:
        return message.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        problem = (
            f"{message.seconds} s and {message.nanos} ns are not a time in the years 1 to 9999"
        )
        raise InvalidArgument.of(field, problem) from None
