"""The metric of each round, and what changed."""

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
    metric_history,
)
from sluice.errors import InvalidArgument


def metric(round_number: int, values: list[float] | NDArray[np.float64]) -> RoundMetric:
    """A round's metric of samples s0, s1 and so on."""
    return RoundMetric(
        round=round_number,
        sample_ids=[f"s{index}" for index in range(len(values))],
        values=np.asarray(values, np.float64),
    )


def test_the_history_is_worked_by_hand() -> None:
    """Rounds in their order with mean and Wilson's interval, and each change to the next."""
    found = metric_history([metric(2, [1, 1, 1, 0]), metric(1, [1, 0, 0, 0])])

    assert [(1, 4, 0.25, wilson(1, 4)), (2, 4, 0.75, wilson(3, 4))] == [
        (x.round, x.samples, x.mean, x.interval) for x in found.points
    ]
    [change] = found.changes
    assert (1, 2, 4, 0.5) == (change.earlier, change.later, change.samples, change.difference)
    assert (0, 1) == (change.interval.low, change.interval.high)


def test_only_samples_of_both_rounds_are_compared() -> None:
    """A sample that only one round has cannot have changed."""
    later = RoundMetric(round=2, sample_ids=["s1", "new"], values=np.array([1.0, 1.0]))

    change = measure_change(metric(1, [1, 0.5]), later)

    assert (1, 0.5) == (change.samples, change.difference)


def test_pairing_finds_what_two_intervals_hide() -> None:
    """Twelve of 200 samples better, none worse: surely so, though the rounds' intervals overlap."""
    values = np.tile([0.0, 1.0], 100)
    better = values.copy()
    better[:24:2] = 1

    found = metric_history([metric(1, values), metric(2, better)])

    assert found.changes[0].interval.low > 0
    assert found.points[1].interval.low < found.points[0].interval.high


@given(st.permutations(range(12)))
def test_the_order_of_samples_means_nothing(order: list[int]) -> None:
    """A change is the same, bound by bound, however its samples come."""
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
    found = 0
    for _ in range(300):
        first = rng.uniform(0.3, 0.5, 200)
        noise = rng.normal(0, 0.1, 200)
        second = first + noise + detectable_difference(0.1, 200)
        later = metric(2, second.clip(0, 1))
        found += measure_change(metric(1, first), later).interval.low > 0

    assert 0.74 <= found / 300 <= 0.86


def test_where_nothing_changed_something_small_may_stay_unseen() -> None:
    """No change in 100 samples does not make any change detectable; in one sample, none is."""
    same = metric(1, [1.0] * 100)

    assert 0.028 == pytest.approx(measure_change(same, metric(2, [1.0] * 100)).detectable, abs=1e-4)
    assert 1 == detectable_difference(0, 1)


@pytest.mark.parametrize(
    ("metrics", "field"),
    [
        ([metric(1, [0.5, 1.5])], "metrics[0].values[1]"),
        ([metric(1, [float("nan")])], "metrics[0].values[0]"),
        ([metric(1, [])], "metrics[0].values"),
        ([metric(-1, [1])], "metrics[0].round"),
        ([metric(1, [1]), metric(1, [0])], "metrics"),
        ([RoundMetric(round=1, sample_ids=["a", "a"], values=np.ones(2))], "metrics[0].sample_ids"),
        ([RoundMetric(round=1, sample_ids=["a"], values=np.ones(2))], "metrics[0].values"),
        ([metric(1, [1]), RoundMetric(round=2, sample_ids=["a"], values=np.ones(1))], "sample_ids"),
    ],
)
def test_what_is_wrong_is_named(metrics: list[RoundMetric], field: str) -> None:
    """The error says which round's what is wrong."""
    with pytest.raises(InvalidArgument) as refused:
        metric_history(metrics)

    assert [field] == [violation.field for violation in refused.value.fields]
