"""The number of groups in a batch, and its apportionment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.curation.selection.budget import apportion, batch_size


@pytest.mark.parametrize(
    ("budget", "remaining_groups", "expected"),
    [(0.2, 1_000, 200), (0.2, 12, 10), (0.2, 7, 7), (3, 1_000, 3), (50, 20, 20), (0.25, 50, 13)],
)
def test_budgets(budget: float, remaining_groups: int, expected: int) -> None:
    """A fraction is at least ten groups, a count is what it says, and neither is more than all."""
    assert expected == batch_size(budget, remaining_groups)


@pytest.mark.parametrize(
    ("total", "shares", "expected"),
    [(10, [1, 1, 1.9], [3, 2, 5]), (5, [0.3, 0.7], [2, 3]), (1, [0.3, 0.7], [0, 1])],
)
def test_the_largest_remainders_are_rounded_up(
    total: int, shares: list[float], expected: list[int]
) -> None:
    """What whole parts leave goes to the largest remainders; of equals, to the first."""
    assert expected == apportion(total, shares)


@given(st.integers(0, 10_000), st.lists(st.floats(0, 1), min_size=1, max_size=5).filter(any))
def test_parts_add_up(total: int, shares: list[float]) -> None:
    """Nothing is lost in sharing out, and no part is off by one or more."""
    parts = apportion(total, shares)

    assert total == sum(parts)
    for part, share in zip(parts, shares, strict=True):
        assert abs(part - total * share / sum(shares)) < 1 + 1e-6
