"""The stability of predictions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from services.curation.progress.stability import measure_stability
from sluice.errors import InvalidArgument

classes = st.sampled_from("abc")


def test_kappa_is_worked_by_hand() -> None:
    """Cohen's example form: 20, 5, 10, 15 of 50 agree by 0.7, by chance 0.5, so kappa is 0.4."""
    first, second = "y" * 25 + "n" * 25, "y" * 20 + "n" * 5 + "y" * 10 + "n" * 15

    stability = measure_stability(first, second)

    assert (35, 50) == (stability.agreeing.count, stability.agreeing.total)
    assert 0.4 == pytest.approx(stability.kappa)


@given(st.lists(st.tuples(classes, classes), min_size=1, max_size=40))
def test_kappa_is_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    """The same figure as another implementation's, and 1 where there is but one class."""
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    one_class = len({*first, *second}) == 1
    expected = 1 if one_class else cohen_kappa_score(first, second)

    stability = measure_stability(first, second)

    assert expected == pytest.approx(stability.kappa)
    assert stability.interval.low <= stability.interval.high <= 1


def test_the_interval_covers_what_it_says() -> None:
    """Of 300 samples of a known table, 95 % intervals hold its kappa in 90 to 98 of 100."""
    rng = np.random.default_rng(3)
    covered = 0
    for run in range(300):
        first = rng.choice(list("ab"), 200)
        second = np.where(rng.random(200) < 0.2, np.where(first == "a", "b", "a"), first)
        interval = measure_stability(first.tolist(), second.tolist(), seed=run).interval
        covered += interval.low <= 0.6 <= interval.high

    assert 0.90 <= covered / 300 <= 0.98


def test_the_interval_is_deterministic_by_seed() -> None:
    """Equal seeds give equal bounds."""
    first, second = "ab" * 20, "ab" * 15 + "ba" * 5

    assert measure_stability(first, second) == measure_stability(first, second)
    assert measure_stability(first, second) != measure_stability(first, second, seed=1)


@pytest.mark.parametrize(("first", "second", "field"), [("ab", "a", "second"), ("", "", "first")])
def test_predictions_of_other_samples_are_refused(first: str, second: str, field: str) -> None:
    """Both rounds need the same number of samples, and at least one."""
    with pytest.raises(InvalidArgument, match=field):
        measure_stability(first, second)
