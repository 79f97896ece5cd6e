"""Whether the target is reached."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.curation.intervals import wilson
from services.curation.progress.target import TargetReach, check_target
from sluice.errors import InvalidArgument


def right(count: int, total: int) -> NDArray[np.float64]:
    """So many right of so many."""
    return (np.arange(total) < count).astype(np.float64)


@pytest.mark.parametrize(
    ("count", "total", "reach"),
    [
        (95, 100, TargetReach.OPEN),  # 88.8 to 97.8 %
        (99, 100, TargetReach.REACHED),  # from 94.6 %
        (80, 100, TargetReach.MISSED),  # to 86.7 %
        (20, 20, TargetReach.UNDETECTABLE),  # from 83.9 %: of 20, all right does not prove 90 %
        (2, 20, TargetReach.MISSED),
    ],
)
def test_the_interval_decides(count: int, total: int, reach: TargetReach) -> None:
    """Reached is what lies over 90 % as a whole; few samples are never enough."""
    assert reach is check_target(right(count, total), 0.9).overall.reach


@given(st.floats(0.05, 0.99))
def test_samples_needed_are_the_fewest_that_could_do(target: float) -> None:
    """With as many, all right, the target is reached; with one fewer it cannot be."""
    needed = check_target(right(1, 1), target).samples_needed

    assert wilson(needed, needed).low >= target - 1e-12
    assert needed == 1 or wilson(needed - 1, needed - 1).low < target


def test_every_slice_must_reach_it() -> None:
    """One slice that does not is named, and the target is not reached; without it, it is."""
    values = right(390, 400)
    night, day = np.arange(400) >= 380, np.arange(400) < 380
    found = check_target(values, 0.9, {"day": day, "night": night})

    assert TargetReach.REACHED is found.overall.reach
    assert ["day"] == found.slices_at(TargetReach.REACHED)
    assert ["night"] == found.slices_at(TargetReach.MISSED)
    assert not found.reached
    assert check_target(values, 0.9, {"day": day}).reached


def test_shares_count_as_the_means_that_they_are() -> None:
    """400 samples of 0.97 each are like 388 right of 400."""
    found = check_target(np.full(400, 0.97), 0.9)

    assert found.overall.interval.low == pytest.approx(wilson(388, 400).low)
    assert found.reached


@pytest.mark.parametrize(
    ("values", "target", "slices", "field"),
    [
        (right(1, 2) * 2, 0.9, {}, "values[0]"),
        (right(0, 0), 0.9, {}, "values"),
        (right(1, 2), 1.0, {}, "target"),
        (right(1, 2), 0.9, {"night": np.ones(3, np.bool_)}, "slices['night']"),
        (right(1, 2), 0.9, {"night": np.ones(2, np.int64)}, "slices['night']"),
        (right(1, 2), 0.9, {"night": np.zeros(2, np.bool_)}, "slices['night']"),
        (right(1, 2), 0.9, {"": np.ones(2, np.bool_)}, "slices"),
    ],
)
def test_what_is_wrong_is_named(
    values: NDArray[np.float64], target: float, slices: dict[str, NDArray[np.bool_]], field: str
) -> None:
    """The error says which value or slice."""
    with pytest.raises(InvalidArgument) as refused:
        check_target(values, target, slices)

    assert [field] == [violation.field for violation in refused.value.fields]
