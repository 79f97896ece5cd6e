"""From contrasts to scores: the curve's shape, and how it is fitted to a version."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sluice.scoring import ScoreMap
from sluice.scoring.score_map import SCALE_MIN, fit_score_map

curves = st.builds(
    ScoreMap, st.floats(-0.5, 1.25), st.floats(SCALE_MIN, 1.5), st.floats(SCALE_MIN, 1.5)
)
contrasts = st.floats(-1.25, 1.25)


def members_of(*values: float) -> NDArray[np.float32]:
    """Leave-one-out contrasts."""
    return np.array(values, np.float32)


@given(curves, contrasts, st.floats(1e-6, 0.5))
def test_scores_grow_with_contrast(curve: ScoreMap, contrast: float, step: float) -> None:
    """Of two frames the one of higher contrast scores higher, and both in (0, 1)."""
    low, high = curve.apply([contrast, contrast + step])
    assert 0 < low <= high < 1
    if contrast + step < curve.threshold + 15 * curve.above:  # beyond, float64 has no room
        assert low < high


@given(curves)
def test_the_threshold_point_scores_half(curve: ScoreMap) -> None:
    """At the threshold the score is 0.5, and there is no jump on either side of it."""
    at = curve.threshold
    below, half, above = curve.apply([np.nextafter(at, -9), at, np.nextafter(at, 9)])
    assert 0.5 == half
    assert below <= 0.5 <= above
    np.testing.assert_allclose([below, above], 0.5, rtol=1e-12)


@given(curves, contrasts)
def test_the_curve_is_the_designs(curve: ScoreMap, contrast: float) -> None:
    """Half of an exponential below the threshold, its mirror image above, each with its scale."""
    gap = contrast - curve.threshold
    below, above = 0.5 * np.exp(gap / curve.below), 1 - 0.5 * np.exp(-gap / curve.above)
    expected = below if gap < 0 else above
    assert expected == pytest.approx(float(curve.apply(contrast)), rel=1e-12)


@given(curves, contrasts)
def test_rounding_moves_no_score_by_a_hundred_thousandth(curve: ScoreMap, contrast: float) -> None:
    """The slope is at most 10: contrasts that agree to 1e-6 have scores that agree to 1e-5."""
    low, high = curve.apply([contrast, contrast + 1e-6])
    assert high - low <= 1.0001e-5


@pytest.mark.parametrize("contrast", [-1e9, -1e3, 1e3, 1e9])
def test_no_score_reaches_0_or_1(contrast: float) -> None:
    """However extreme the contrast, the score stays inside (0, 1)."""
    assert 0 < float(ScoreMap(0.5, 0.05, 0.05).apply(contrast)) < 1


# 50 values from 0 to 0.98: median 0.49, 16 % quantile 0.1568, s = 0.3332.
BACKGROUND = (np.arange(50) / 50).astype(np.float32)
MEDIAN, SPREAD = 0.49, 0.3332


def test_fit_to_a_coherent_issue() -> None:
    """The elements' low quantile decides, drawn towards the background by five elements' weight."""
    members = np.linspace(2, 3, 101, dtype=np.float32)
    curve, diverse = fit_score_map(members, 101, BACKGROUND)
    threshold = (101 * 2.1 + 5 * (MEDIAN + 4 * SPREAD)) / 106
    assert threshold == pytest.approx(curve.threshold, abs=1e-6)
    assert threshold - MEDIAN == pytest.approx(curve.below, abs=1e-6)
    assert 3 - threshold == pytest.approx(curve.above, abs=1e-6)
    assert not diverse


def test_fit_to_a_diverse_issue() -> None:
    """Elements as ordinary as the background leave the threshold to it, and the version says so."""
    members = members_of(0.3, 0.4, 0.5)
    curve, diverse = fit_score_map(members, 3, BACKGROUND)
    threshold = (3 * (MEDIAN + 2 * SPREAD) + 5 * (MEDIAN + 4 * SPREAD)) / 8
    assert threshold == pytest.approx(curve.threshold, abs=1e-6)
    assert SCALE_MIN == curve.above  # no element reaches the threshold
    assert diverse


def test_fit_to_a_lone_element() -> None:
    """One element says nothing of others like it: only what is rare in the background passes."""
    curve, diverse = fit_score_map(members_of(), 1, BACKGROUND)
    assert MEDIAN + 4 * SPREAD == pytest.approx(curve.threshold, abs=1e-6)
    assert 4 * SPREAD == pytest.approx(curve.below, abs=1e-6)
    assert SCALE_MIN == curve.above
    assert not diverse


@pytest.mark.parametrize("members", [(), (0.3, 0.4, 0.5)])
def test_fit_stays_within_reach(members: tuple[float, ...]) -> None:
    """A threshold that no frame could have is lowered, so that a copy of an element passes."""
    reach = MEDIAN + 2 * SPREAD
    curve, _ = fit_score_map(members_of(*members), max(len(members), 1), BACKGROUND, reach)
    assert MEDIAN + 0.85 * 2 * SPREAD == pytest.approx(curve.threshold, abs=1e-6)
    assert float(curve.apply(reach)) > 0.5


def test_fit_to_an_issue_less_like_itself_than_the_background() -> None:
    """Where even copies of elements are ordinary, the threshold is not below the median."""
    curve, diverse = fit_score_map(members_of(0.1, 0.2), 2, BACKGROUND, reach=0.3)
    assert MEDIAN == pytest.approx(curve.threshold, abs=1e-6)
    assert SCALE_MIN == curve.below
    assert diverse


@pytest.mark.parametrize("members", [(), (0.2,), (0.2, 0.2), (-0.5, -0.5)])
def test_fit_to_a_background_without_spread(members: tuple[float, ...]) -> None:
    """Where all background rows are alike the scales stay positive and the curve a curve."""
    background = np.full(20, 0.2, np.float32)
    curve, _ = fit_score_map(members_of(*members), max(len(members), 1), background)
    assert 0.2 == pytest.approx(curve.threshold, abs=1e-6)
    assert (SCALE_MIN, SCALE_MIN) == (curve.below, curve.above)


def test_fit_without_a_background() -> None:
    """Nine of ten elements pass; the scales are the distances to their median and maximum."""
    curve, diverse = fit_score_map(np.linspace(0.5, 1, 101, dtype=np.float32), 101, None)
    assert 0.55 == pytest.approx(curve.threshold, abs=1e-6)
    assert 0.2 == pytest.approx(curve.below, abs=1e-6)
    assert 0.45 == pytest.approx(curve.above, abs=1e-6)
    assert not diverse


def test_fit_without_a_background_to_a_lone_element() -> None:
    """With nothing known but one element, only what is nearly it passes."""
    assert (ScoreMap(0.9, SCALE_MIN, SCALE_MIN), False) == fit_score_map(members_of(), 1, None)
