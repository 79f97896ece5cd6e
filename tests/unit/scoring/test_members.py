"""The estimated share of members in a background."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sluice.scoring.members import estimate_share


def draw_contrasts(
    seed: int, elements: int, rows: int, share: float, gap: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Contrasts of elements, and of background rows of which a share are members."""
    rng = np.random.default_rng(seed)
    members = round(rows * share)
    ordinary = np.append(rng.normal(gap, 1, members), rng.normal(0, 1, rows - members))
    return rng.normal(gap, 1, elements), ordinary


@pytest.mark.parametrize("share", [0.005, 0.02, 0.1])
def test_members_apart_from_the_others_are_counted(share: float) -> None:
    """Members far from all other rows give their share, and an interval around it."""
    estimates = [estimate_share(*draw_contrasts(seed, 30, 1_000, share, 8)) for seed in range(15)]
    assert sum(estimate.low < share < estimate.high for estimate in estimates) >= 12
    median = np.median([estimate.estimate for estimate in estimates])
    assert share == pytest.approx(median, rel=0.25)


def test_members_among_the_others_are_uncertain() -> None:
    """The less members differ from the others, the wider the interval."""
    widths = []
    for gap in (6, 3, 1.5):
        share = estimate_share(*draw_contrasts(1, 30, 1_000, 0.03, gap))
        widths.append(share.high / share.low)
        assert share.low < 0.03 < share.high
    assert sorted(widths) == widths
    assert widths[2] > 3 * widths[0]


@given(
    st.lists(st.floats(-2, 2), min_size=3, max_size=20),
    st.lists(st.floats(-2, 2), min_size=2, max_size=40),
)
def test_any_contrasts_give_a_share(elements: list[float], rows: list[float]) -> None:
    """Estimate and interval are shares in order, whatever the contrasts."""
    share = estimate_share(np.array(elements), np.array(rows))
    assert 0 < share.low <= share.estimate <= share.high <= 1


def test_few_elements_widen_the_interval() -> None:
    """With fewer elements the interval is wider."""
    few = estimate_share(*draw_contrasts(3, 4, 1_000, 0.05, 8))
    many = estimate_share(*draw_contrasts(3, 100, 1_000, 0.05, 8))
    assert few.high / few.low > many.high / many.low
