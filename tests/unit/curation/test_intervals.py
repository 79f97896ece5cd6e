"""Intervals of shares and means."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, norm

from services.curation.intervals import Interval, Share, bootstrap_mean, wilson
from sluice.errors import InvalidArgument


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
       st.sampled_from([0.8, 0.95, 0.99]))  # fmt: skip
def test_wilsons_interval_is_scipys(counts: tuple[int, int], confidence: float) -> None:
    """The same bounds as another implementation's, for every count and confidence."""
    expected = binomtest(*counts).proportion_ci(confidence, method="wilson")

    found = wilson(*counts, confidence)

    assert (expected.low, expected.high) == pytest.approx((found.low, found.high), abs=1e-12)


def test_all_or_nothing_reaches_its_bound() -> None:
    """None is 0 at the low end and all are 1 at the high end, exactly, for all totals."""
    assert {0.0} == {wilson(0, total).low for total in range(1, 200)}
    assert {1.0} == {wilson(total, total).high for total in range(1, 200)}


def test_of_nothing_everything_is_possible() -> None:
    """A share of no objects has no value, and an interval that says nothing."""
    share = Share.of(0, 0)

    assert (None, Interval(low=0, high=1)) == (share.value, share.interval)


@pytest.mark.parametrize(
    ("successes", "total", "confidence", "field"),
    [(-1, 5, 0.9, "successes"), (6, 5, 0.9, "successes"), (1, 5, 1.0, "confidence")],
)
def test_impossible_counts_are_refused(
    successes: int, total: int, confidence: float, field: str
) -> None:
    """More successes than trials, or certainty, are mistakes of the caller."""
    with pytest.raises(InvalidArgument, match=field):
        wilson(successes, total, confidence)


def test_the_bootstrap_agrees_with_the_normal_interval_of_many_values() -> None:
    """Of 2,000 values of a skewed distribution: mean ± 1.96 standard errors, within a twentieth."""
    values = np.random.default_rng(1).exponential(size=2_000)
    error = values.std() / np.sqrt(len(values))
    low, high = norm.interval(0.95, loc=values.mean(), scale=error)

    found = bootstrap_mean(values)

    assert (low, high) == pytest.approx((found.low, found.high), abs=0.05 * (high - low))


def test_the_bootstrap_covers_what_it_says() -> None:
    """Of 300 samples of 100 values, 95 % intervals hold the true mean in 91 to 98 of 100."""
    rng = np.random.default_rng(2)
    found = [bootstrap_mean(rng.poisson(3, 100).astype(float)) for _ in range(300)]

    covered = np.mean([interval.low <= 3 <= interval.high for interval in found])

    assert 0.91 <= covered <= 0.98


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=5))
def test_the_bootstrap_is_that_of_all_draws(values: list[float]) -> None:
    """The quantiles of the means of all that can be drawn, to a hundredth of a deviation."""
    means = np.array([np.mean(drawn) for drawn in product(values, repeat=len(values))])
    low, high = np.quantile(means, [0.025, 0.975], method="inverted_cdf")

    found = bootstrap_mean(np.array(values))

    assert (low, high) == pytest.approx(
        (found.low, found.high), abs=0.01 * float(np.std(values)) + 1e-12, rel=1e-9
    )


@pytest.mark.parametrize("changed", [1, 20, 400])
def test_few_of_many_are_not_normal(changed: int) -> None:
    """Of 50,000 zeros and few ones, the bounds are those of the binomial distribution."""
    values = np.repeat([0.0, 1.0], [50_000 - changed, changed])
    expected = binom(50_000, changed / 50_000).ppf([0.025, 0.975]) / 50_000

    found = bootstrap_mean(values)

    assert expected == pytest.approx([found.low, found.high], abs=1e-8)


def test_no_values_have_no_mean() -> None:
    """An interval of nothing is a mistake of the caller."""
    with pytest.raises(InvalidArgument, match="values"):
        bootstrap_mean(np.empty(0))
