"""Confidence intervals of shares and means."""

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
    """Wilson's interval equals SciPy's for every count and confidence."""
    expected = binomtest(*counts).proportion_ci(confidence, method="wilson")

    interval = wilson(*counts, confidence)

    assert (expected.low, expected.high) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_all_or_nothing_reaches_its_bound() -> None:
    """No successes give a lower bound of exactly 0, only successes an upper bound of exactly 1."""
    assert {0.0} == {wilson(0, total).low for total in range(1, 200)}
    assert {1.0} == {wilson(total, total).high for total in range(1, 200)}


def test_of_nothing_everything_is_possible() -> None:
    """A share of no trials has no value, and its interval is [0, 1]."""
    share = Share.of(0, 0)

    assert (None, Interval(low=0, high=1)) == (share.value, share.interval)


@pytest.mark.parametrize(
    ("successes", "total", "confidence", "field"),
    [(-1, 5, 0.9, "successes"), (6, 5, 0.9, "successes"), (1, 5, 1.0, "confidence")],
)
def test_impossible_counts_are_refused(
    successes: int, total: int, confidence: float, field: str
) -> None:
    """Successes out of range and a confidence of 1 are refused."""
    with pytest.raises(InvalidArgument, match=field):
        wilson(successes, total, confidence)


def test_the_bootstrap_agrees_with_the_normal_interval_of_many_values() -> None:
    """For 2,000 skewed values the interval is mean ± 1.96 standard errors, within a twentieth."""
    values = np.random.default_rng(1).exponential(size=2_000)
    standard_error = values.std() / np.sqrt(len(values))
    low, high = norm.interval(0.95, loc=values.mean(), scale=standard_error)

    interval = bootstrap_mean(values)

    assert (low, high) == pytest.approx((interval.low, interval.high), abs=0.05 * (high - low))


def test_the_bootstrap_covers_what_it_says() -> None:
    """95 % intervals of 300 samples hold the true mean in 91 % to 98 % of them."""
    rng = np.random.default_rng(2)
    intervals = [bootstrap_mean(rng.poisson(3, 100).astype(float)) for _ in range(300)]

    coverage = np.mean([interval.low <= 3 <= interval.high for interval in intervals])

    assert 0.91 <= coverage <= 0.98


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=5))
def test_the_bootstrap_is_that_of_all_draws(values: list[float]) -> None:
    """The bounds are quantiles of the means of all possible resamples, within 0.01 deviations."""
    means = np.array([np.mean(resample) for resample in product(values, repeat=len(values))])
    low, high = np.quantile(means, [0.025, 0.975], method="inverted_cdf")

    interval = bootstrap_mean(np.array(values))

    assert (low, high) == pytest.approx(
        (interval.low, interval.high), abs=0.01 * float(np.std(values)) + 1e-12, rel=1e-9
    )


@pytest.mark.parametrize("ones", [1, 20, 400])
def test_few_of_many_are_not_normal(ones: int) -> None:
    """For 50,000 zeros and few ones, the bounds are those of the binomial distribution."""
    values = np.repeat([0.0, 1.0], [50_000 - ones, ones])
    expected = binom(50_000, ones / 50_000).ppf([0.025, 0.975]) / 50_000

    interval = bootstrap_mean(values)

    assert expected == pytest.approx([interval.low, interval.high], abs=1e-8)


def test_no_values_have_no_mean() -> None:
    """An empty list of values is refused."""
    with pytest.raises(InvalidArgument, match="values"):
        bootstrap_mean(np.empty(0))
