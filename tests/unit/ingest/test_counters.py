"""The names of counters are distinct, and budgets belong to the UTC day of receipt."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.ingest.counters import Count, budget_used_on, mismatches_of, score_bin


def test_counters_have_distinct_names() -> None:
    """No two counters share a name, also if an id contains a slash."""
    names = [count.of(campaign) for count in Count for campaign in ("c", "c/d")]
    names += [score_bin("c", index) for index in range(64)]
    names += [budget_used_on("c", 0), mismatches_of("c", "d"), mismatches_of("c/d", "")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("received", "day"),
    [
        (datetime(2026, 1, 1, 0, 0, 0, 0, UTC), "2026-01-01"),
        (datetime(2026, 1, 1, 23, 59, 59, 999_999, UTC), "2026-01-01"),
        (datetime(2026, 1, 2, 0, 0, 0, 0, UTC), "2026-01-02"),
    ],
)
def test_a_budget_is_of_a_utc_day(received: datetime, day: str) -> None:
    """A day starts and ends at midnight UTC."""
    received_us = round(received.timestamp() * 1e6)
    assert f"budget-used-on/c/{day}" == budget_used_on("c", received_us)
