"""Single values of a file: ids as text, and values that become metadata."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import numpy as np

from sluice.formats.column_errors import column_error

IDS_HINT: Final = "--ids-as-text reads integers, UUIDs and bytes as text"

UNREADABLE: Final = (ValueError, OverflowError, KeyError, TypeError, NotImplementedError)
"""What pyarrow and numpy raise for a value that Python cannot hold: a year over 9999, text that is
not UTF-8, an unknown time zone."""


def is_missing(value: object) -> bool:
    """Whether a value states nothing: None, and NaN as pandas writes it."""
    return value is None or (isinstance(value, float) and value != value)


def to_python(value: Any) -> Any:
    """A value of numpy as Python's."""
    return value.item() if isinstance(value, np.generic) else value


def to_metadata(value: Any) -> Any:
    """A value as metadata: times, dates and UUIDs become text, decimals numbers."""
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return str(value) if isinstance(value, UUID) else value


def ids_to_text(
    file: str, column: str, numbers: Sequence[int], values: Sequence[Any]
) -> list[str | None]:
    """Integers, UUIDs and bytes as text; a missing value stays None.

    Raises InvalidArgument naming the rows with bytes that are not UTF-8.
    """
    texts: list[str | None] = []
    malformed = []
    for number, value in zip(numbers, values, strict=True):
        try:
            text = value.decode() if isinstance(value, bytes) else value
        except UnicodeDecodeError:
            malformed.append(number)
            text = None
        texts.append(None if text is None else str(text))
    if malformed:
        problem = "has bytes that are not UTF-8"
        raise column_error(file, column, problem, malformed, hint="write ids as text")
    return texts
