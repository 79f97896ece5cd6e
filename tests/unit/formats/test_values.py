"""Single values become text or metadata."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from sluice.errors import InvalidArgument
from sluice.formats.values import ids_to_text, is_missing, to_metadata


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (date(2026, 1, 1), "2026-01-01"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00+00:00"),
        (time(1, 2), "01:02:00"),
        (Decimal("0.5"), 0.5),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (True, True),
        ("fog", "fog"),
    ],
)
def test_metadata(value: Any, expected: Any) -> None:
    """Times and UUIDs are text, decimals numbers; other values stay."""
    assert expected == to_metadata(value)


def test_missing_values() -> None:
    """None and NaN are missing; zero, False and empty text are values."""
    assert [True, True] == [is_missing(None), is_missing(float("nan"))]
    assert not any(map(is_missing, (0, 0.0, False, "")))


def test_ids() -> None:
    """Integers, UUIDs and bytes become text; missing ones stay missing."""
    values = [7, UUID(int=1), b"a", None, "b"]
    expected = ["7", "00000000-0000-0000-0000-000000000001", "a", None, "b"]
    assert expected == ids_to_text("f", "frame_id", range(5), values)
    with pytest.raises(InvalidArgument, match=r"'frame_id' has bytes .* in 2 rows: 3, 5;"):
        ids_to_text("f", "frame_id", range(3, 6), [b"\xff", b"a", b"\xfe"])
