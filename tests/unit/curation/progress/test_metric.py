"""The metric of a round, and its change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm

from services.curation.intervals import wilson
from services.curation.progress.metric import (
    RoundMetric,
    detectable_difference,
    measure_change,
    measure_point,
)
from sluice.errors import InvalidArgument


def metric(round_number: int, values: list[float] | NDArray[np.float64]) -> RoundMetric:
    """A round's metric of samples s0, s1 and so on."""
    return RoundMetric(
        round=round_number,
        sample_ids=[f"s{index}" for index in range(len(values))],
        values=np.asarray(values, np.float64),
    )


def test_a_point_is_worked_by_hand() -> None:
    """The mean of the values, with Wilson's interval."""
    point = measure_point(metric(2, [1, 1, 1, 0]))

    assert (2, 4, 0.75, wilson(3, 4)) == (point.round, point.samples, point.mean, point.interval)


def test_a_change_is_worked_by_hand() -> None:
    """The mean difference of the samples of both rounds, with a bootstrap interval."""
    change = measure_change(metric(1, [1, 0, 0, 0]), metric(2, [1, 1, 1, 0]))

    assert (1, 2, 4, 0.5) == (change.earlier, change.later, change.samples, change.difference)
    assert (0, 1) == (change.interval.low, change.interval.high)


def test_only_samples_of_both_rounds_are_compared() -> None:
    """A sample that only one round has cannot have changed."""
    later = RoundMetric(round=2, sample_ids=["s1", "new"], values=np.array([1.0, 1.0]))

    change = measure_change(metric(1, [1, 0.5]), later)

    assert (1, 0.5) == (change.samples, change.difference)


def test_pairing_finds_what_two_intervals_hide() -> None:
    """Twelve of 200 samples better, none worse: a sure change, though intervals overlap."""
    values = np.tile([0.0, 1.0], 100)
    better = values.copy()
    better[:24:2] = 1

    first, second = metric(1, values), metric(2, better)

    assert measure_change(first, second).interval.low > 0
    assert measure_point(second).interval.low < measure_point(first).interval.high


@given(st.permutations(range(12)))
def test_the_order_of_samples_does_not_matter(order: list[int]) -> None:
    """A change and its bounds are equal for any order of the samples."""
    first, second = metric(1, np.arange(12) / 12), metric(2, np.arange(12)[::-1] / 12)
    shuffled = RoundMetric(
        round=2, sample_ids=[f"s{index}" for index in order], values=second.values[order]
    )

    assert measure_change(first, second) == measure_change(first, shuffled)


def test_the_detectable_difference_is_that_of_the_textbook() -> None:
    """(1.96 + 0.84) · deviation / √n."""
    expected = (norm.ppf(0.975) + norm.ppf(0.8)) * 0.4 / 20

    assert expected == pytest.approx(detectable_difference(0.4, 400))


def test_a_difference_of_the_detectable_size_is_found_four_times_of_five() -> None:
    """Of 300 experiments with it, the paired interval excludes 0 in 74 to 86 of 100."""
    rng = np.random.default_rng(1)
    detected = 0
    for _ in range(300):
        first = rng.uniform(0.3, 0.5, 200)
        noise = rng.normal(0, 0.1, 200)
        second = first + noise + detectable_difference(0.1, 200)
        later = metric(2, second.clip(0, 1))
        detected += measure_change(metric(1, first), later).interval.low > 0

    assert 0.74 <= detected / 300 <= 0.86


def test_without_a_change_a_small_one_is_undetectable() -> None:
    """No change in 100 samples does not make any change detectable; in one sample, none is."""
    same = metric(1, [1.0] * 100)

    assert 0.028 == pytest.approx(measure_change(same, metric(2, [1.0] * 100)).detectable, abs=1e-4)
    assert 1 == detectable_difference(0, 1)


@pytest.mark.parametrize(
    ("invalid", "field"),
    [
        (metric(1, [0.5, 1.5]), "metric.values[1]"),
        (metric(1, [float("nan")]), "metric.values[0]"),
        (metric(1, []), "metric.values"),
        (metric(-1, [1]), "metric.round"),
        (RoundMetric(round=1, sample_ids=["a", "a"], values=np.ones(2)), "metric.sample_ids"),
        (RoundMetric(round=1, sample_ids=["a"], values=np.ones(2)), "metric.values"),
    ],
)
def test_an_invalid_metric_is_refused(invalid: RoundMetric, field: str) -> None:
    """The error names the field."""
    with pytest.raises(InvalidArgument) as error:
        measure_point(invalid)

    assert [field] == [violation.field for violation in error.value.fields]


def test_rounds_without_a_common_sample_are_refused() -> None:
    """Rounds are compared on the samples of both."""
    other = RoundMetric(round=2, sample_ids=["a"], values=np.ones(1))

    with pytest.raises(InvalidArgument, match="rounds 1 and 2 have no common sample"):
        measure_change(metric(1, [1]), other)
