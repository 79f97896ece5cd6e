"""The target of the metric."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.curation.intervals import wilson
from services.curation.progress.target import TargetReach, check_target
from sluice.errors import InvalidArgument


def correct_values(count: int, total: int) -> NDArray[np.float64]:
    """Values of `total` samples, of which `count` are correct."""
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
    """An interval over 90 % reaches the target; few samples never do."""
    assert reach is check_target(correct_values(count, total), 0.9).overall.reach


@given(st.floats(0.05, 0.99))
def test_samples_needed_are_the_fewest_that_could_do(target: float) -> None:
    """As many correct samples reach the target; one fewer cannot."""
    needed = check_target(correct_values(1, 1), target).samples_needed

    assert wilson(needed, needed).low >= target - 1e-12
    assert needed == 1 or wilson(needed - 1, needed - 1).low < target


def test_every_slice_must_reach_it() -> None:
    """A slice that misses the target is named, and prevents that it is reached."""
    values = correct_values(390, 400)
    night, day = np.arange(400) >= 380, np.arange(400) < 380
    check = check_target(values, 0.9, {"day": day, "night": night})

    assert TargetReach.REACHED is check.overall.reach
    assert ["day"] == check.slices_with(TargetReach.REACHED)
    assert ["night"] == check.slices_with(TargetReach.MISSED)
    assert not check.reached
    assert check_target(values, 0.9, {"day": day}).reached


def test_shares_count_as_the_means_that_they_are() -> None:
    """400 samples of 0.97 each are like 388 correct of 400."""
    check = check_target(np.full(400, 0.97), 0.9)

    assert check.overall.interval.low == pytest.approx(wilson(388, 400).low)
    assert check.reached


@pytest.mark.parametrize(
    ("values", "target", "slices", "field"),
    [
        (correct_values(1, 2) * 2, 0.9, {}, "values[0]"),
        (correct_values(0, 0), 0.9, {}, "values"),
        (correct_values(1, 2), 1.0, {}, "target"),
        (correct_values(1, 2), 0.9, {"night": np.ones(3, np.bool_)}, "slices['night']"),
        (correct_values(1, 2), 0.9, {"night": np.ones(2, np.int64)}, "slices['night']"),
        (correct_values(1, 2), 0.9, {"night": np.zeros(2, np.bool_)}, "slices['night']"),
        (correct_values(1, 2), 0.9, {"": np.ones(2, np.bool_)}, "slices"),
    ],
)
def test_an_invalid_value_is_named(
    values: NDArray[np.float64], target: float, slices: dict[str, NDArray[np.bool_]], field: str
) -> None:
    """The error has the index of the value, or the slice."""
    with pytest.raises(InvalidArgument) as error:
        check_target(values, target, slices)

    assert [field] == [violation.field for violation in error.value.fields]
