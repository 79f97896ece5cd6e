"""Capture times have a time zone: their own, or that of the option."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sluice.errors import InvalidArgument
from sluice.formats.times import add_time_zone, parse_time_zone, parse_times

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NAIVE = NOON.replace(tzinfo=None)


def parse(*values: object, zone: str = "") -> list[datetime | None]:
    """Parse a column; its rows begin with 7."""
    return parse_times("f.jsonl", "date_captured", range(7, 7 + len(values)), values, zone)


def test_missing_times() -> None:
    """Null, NaN and empty text are missing times; others are parsed."""
    assert [None, None, None, NOON, NOON] == parse(
        None, float("nan"), "", "2026-01-01T12:00:00Z", NOON
    )


@pytest.mark.parametrize("value", ["noon", 1_767_268_800_000, True, ["2026"], 1.5])
def test_other_values_are_refused(value: object) -> None:
    """A value that is not a time is refused with its row, value and an example."""
    with pytest.raises(InvalidArgument) as raised:
        parse(NOON, value)
    text = f"{value!r} is not an ISO 8601 time in row 8; write times such as 2026-01-31T12:00:00Z"
    assert text in raised.value.message


def test_naive_times_name_the_option() -> None:
    """Times without a zone are refused with their rows and the option; with it they are read."""
    with pytest.raises(InvalidArgument, match=r"no time zone in 2 rows: 7, 9; .*--timezone"):
        parse("2026-01-01T12:00:00", NOON, NAIVE)
    assert [NAIVE, NOON] == parse("2026-01-01T12:00:00", NOON, zone="Europe/Berlin")


@pytest.mark.parametrize(("zone", "hours"), [("UTC", 0), ("Europe/Berlin", 1), ("-03:30", -3.5)])
def test_a_zone_is_added(zone: str, hours: float) -> None:
    """The zone of the option is that of naive times alone."""
    assert timedelta(hours=hours) == add_time_zone(NAIVE, zone).utcoffset()
    assert NOON is add_time_zone(NOON, zone)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc", "+99:00", "Europe/", "\0", "CET+1"])
def test_unknown_zones(zone: str) -> None:
    """An unknown time zone is refused by name, with examples."""
    with pytest.raises(InvalidArgument, match="is unknown; use a name such as Europe/Berlin"):
        parse_time_zone(zone)
