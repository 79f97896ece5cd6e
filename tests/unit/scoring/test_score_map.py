"""Score maps: the shape of the curve from contrasts to scores, and its fit to a version."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sluice.scoring import ScoreMap
from sluice.scoring.score_map import SCALE_MIN, fit_score_map, unmap_scores

curves = st.builds(
    ScoreMap, st.floats(-0.5, 1.25), st.floats(SCALE_MIN, 1.5), st.floats(SCALE_MIN, 1.5)
)
contrasts = st.floats(-1.25, 1.25)


@given(curves, contrasts, st.floats(1e-6, 0.5))
def test_scores_grow_with_contrast(curve: ScoreMap, contrast: float, step: float) -> None:
    """A higher contrast gives a higher score, and every score is inside (0, 1)."""
    low, high = curve.apply([contrast, contrast + step])
    assert 0 < low <= high < 1
    # Further above, float64 cannot tell the scores apart.
    if contrast + step < curve.threshold + 15 * curve.above:
        assert low < high


@given(curves)
def test_the_threshold_point_scores_half(curve: ScoreMap) -> None:
    """The threshold scores 0.5, without a jump on either side."""
    threshold = curve.threshold
    below, half, above = curve.apply(
        [np.nextafter(threshold, -9), threshold, np.nextafter(threshold, 9)]
    )
    assert 0.5 == half
    assert below <= 0.5 <= above
    np.testing.assert_allclose([below, above], 0.5, rtol=1e-12)


@given(curves, contrasts)
def test_the_curve_is_the_designs(curve: ScoreMap, contrast: float) -> None:
    """The curve is half an exponential below the threshold and its mirror image above."""
    gap = contrast - curve.threshold
    below, above = 0.5 * np.exp(gap / curve.below), 1 - 0.5 * np.exp(-gap / curve.above)
    expected = below if gap < 0 else above
    assert expected == pytest.approx(float(curve.apply(contrast)), rel=1e-12)


@given(curves, contrasts)
def test_rounding_moves_no_score_by_a_hundred_thousandth(curve: ScoreMap, contrast: float) -> None:
    """The slope is at most 10: contrasts equal to 1e-6 give scores equal to 1e-5."""
    low, high = curve.apply([contrast, contrast + 1e-6])
    assert high - low <= 1.0001e-5


@pytest.mark.parametrize("contrast", [-1e9, -1e3, 1e3, 1e9])
def test_no_score_reaches_0_or_1(contrast: float) -> None:
    """Even for an extreme contrast the score is inside (0, 1)."""
    assert 0 < float(ScoreMap(0.5, 0.05, 0.05).apply(contrast)) < 1


@given(curves, st.floats(1e-9, 1 - 1e-9))
def test_a_score_leads_back_to_its_contrast(curve: ScoreMap, score: float) -> None:
    """`unmap_scores` gives a contrast with the given score."""
    parameters = (np.array(parameter) for parameter in (curve.threshold, curve.below, curve.above))
    contrast = float(unmap_scores(np.array(score), *parameters))
    assert score == pytest.approx(float(curve.apply(contrast)), rel=1e-9)


@given(curves, contrasts)
def test_a_contrast_is_found_by_its_score(curve: ScoreMap, contrast: float) -> None:
    """`unmap_scores` recovers a contrast from its score, to the precision of float64 near 1."""
    parameters = (np.array(parameter) for parameter in (curve.threshold, curve.below, curve.above))
    score = curve.apply(contrast)
    recovered = float(unmap_scores(score, *parameters))
    tolerance = 1e-9 + curve.above * 4e-16 / (1 - float(score))
    assert contrast == pytest.approx(recovered, abs=tolerance)


def test_contrasts_of_0_and_1_are_infinite() -> None:
    """Scores 0 and 1 have infinite contrasts, and 0.5 has the threshold."""
    one = np.ones(3)
    recovered = unmap_scores(np.array([0.0, 0.5, 1.0]), 0.3 * one, one, one)
    assert [-np.inf, 0.3, np.inf] == recovered.tolist()


def test_contrasts_of_many_scores_broadcast() -> None:
    """Each score is converted by the score map of its column."""
    curves = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
    scores = np.array([[0.2, 0.6], [0.5, 0.9], [0.7, 0.1]])
    recovered = unmap_scores(scores, *curves)
    for row, column in np.ndindex(3, 2):
        curve = ScoreMap(*curves[:, column].tolist())
        expected = scores[row, column]
        assert expected == pytest.approx(float(curve.apply(recovered[row, column])), rel=1e-9)


Values = NDArray[np.float64]

# 101 contrasts from -1 to 0: quantiles can be read off.
ORDINARY = np.linspace(-1, 0, 101)
MEDIAN, SPREAD = -0.5, 0.34
UNCOMMON, RARE = -0.04, -0.01
EMPTY = np.empty(0)
FAR = 9.0
"""A reach too large to limit the threshold."""


def fit_reference(
    members: Values, count: int, ordinary: Values, reach: float, share: float
) -> tuple[float, bool]:
    """The threshold, computed rule by rule, and whether the background raised it."""
    ranked = np.sort(ordinary)
    median = np.quantile(ranked, 0.5)
    spread = median - np.quantile(ranked, 0.16)
    share = min(share, 0.2)
    rare_above, uncommon_above = 0.01 + 0.34 * share, 0.04 + 0.66 * share
    rare = min(np.quantile(ranked, 1 - rare_above), median + 6 * spread)
    uncommon = min(np.quantile(ranked, 1 - uncommon_above), median + 5 * spread)
    start, diverse = rare, False
    if len(members):
        start = np.quantile(members, 0.1)
        diverse = bool(start < uncommon)
        if diverse:
            start = max(start, min(uncommon, np.quantile(members, 0.5)))
    blended = (count * start + 5 * rare) / (count + 5)
    threshold_max = median + 0.85 * (reach - median) if reach > median else median
    return float(min(blended, threshold_max)), diverse


values = st.lists(st.floats(-2, 2), min_size=1, max_size=30).map(np.array)


@given(st.one_of(values, st.just(EMPTY)), values, st.floats(-3, 3), st.floats(0, 1))
def test_fits_are_those_of_the_rules(
    members: Values, ordinary: Values, reach: float, share: float
) -> None:
    """For any members and background, the fit is that of the rules."""
    count = max(len(members), 1)
    curve, diverse = fit_score_map(members, count, ordinary, reach, share)
    expected, raised = fit_reference(members, count, ordinary, reach, share)
    assert raised == diverse
    assert expected == pytest.approx(curve.threshold, abs=1e-9)
    assert max(expected - np.median(ordinary), SCALE_MIN) == pytest.approx(curve.below, abs=1e-9)
    above = members.max() - expected if len(members) else 0
    assert max(above, SCALE_MIN) == pytest.approx(curve.above, abs=1e-9)


def test_fit_to_a_coherent_issue() -> None:
    """Nine of ten elements pass, apart from the background's weight of five elements."""
    members = np.linspace(0, 1, 101)
    curve, diverse = fit_score_map(members, 101, ORDINARY, FAR)
    threshold = (101 * 0.1 + 5 * RARE) / 106
    assert threshold == pytest.approx(curve.threshold, abs=1e-12)
    assert threshold - MEDIAN == pytest.approx(curve.below, abs=1e-12)
    assert 1 - threshold == pytest.approx(curve.above, abs=1e-12)
    assert not diverse


def test_fit_to_an_issue_near_the_background() -> None:
    """Fewer than nine of ten elements pass where more than 4 % of the background would."""
    curve, diverse = fit_score_map(np.linspace(-0.3, 0.7, 101), 10**6, ORDINARY, FAR)
    assert UNCOMMON == pytest.approx(curve.threshold, abs=1e-5)
    assert diverse


def test_fit_to_a_diverse_issue() -> None:
    """At least half of the elements pass, even if much of the background passes then."""
    members = np.linspace(-1.5, -0.5, 101)
    curve, diverse = fit_score_map(members, 10**6, ORDINARY, FAR)
    assert 0.5 == pytest.approx((members >= curve.threshold - 1e-4).mean(), abs=0.01)
    assert SCALE_MIN == curve.below
    assert -0.5 == pytest.approx(curve.threshold + curve.above)
    assert diverse


def test_an_issue_apart_from_all_but_a_few_is_not_diverse() -> None:
    """An issue with nine of ten elements above 96 % of the background is not diverse."""
    curve, diverse = fit_score_map(np.full(9, -0.02), 9, ORDINARY, FAR)
    assert UNCOMMON < -0.02 < curve.threshold < RARE
    assert not diverse


def test_fit_to_a_few_elements() -> None:
    """The fewer the elements, the nearer the threshold is to the background's 99th percentile."""
    thresholds = [
        fit_score_map(np.full(count, 0.8), count, ORDINARY, FAR)[0].threshold
        for count in (1, 2, 5, 20, 1_000)
    ]
    expected = [(count * 0.8 + 5 * RARE) / (count + 5) for count in (1, 2, 5, 20, 1_000)]
    assert expected == pytest.approx(thresholds, abs=1e-12)


def test_fit_to_a_sample_of_many_elements() -> None:
    """The weight of the issue is its number of elements, not the size of the sample."""
    small_issue, large_issue = (
        fit_score_map(np.full(9, 0.8), count, ORDINARY, FAR)[0] for count in (9, 90)
    )
    assert (90 * 0.8 + 5 * RARE) / 95 == pytest.approx(large_issue.threshold, abs=1e-12)
    assert small_issue.threshold < large_issue.threshold


def test_fit_to_a_lone_element() -> None:
    """With a single element, the threshold is the 99th percentile of the background."""
    curve, diverse = fit_score_map(EMPTY, 1, ORDINARY, FAR)
    assert RARE == pytest.approx(curve.threshold, abs=1e-12)
    assert RARE - MEDIAN == pytest.approx(curve.below, abs=1e-12)
    assert SCALE_MIN == curve.above
    assert not diverse


@pytest.mark.parametrize("members", [EMPTY, np.array([0.3, 0.4, 0.5])])
def test_fit_stays_within_reach(members: Values) -> None:
    """A threshold above every possible contrast is lowered, so that a copy of an element passes."""
    curve, _ = fit_score_map(members, max(len(members), 1), ORDINARY, reach=-0.1)
    assert MEDIAN + 0.85 * 0.4 == pytest.approx(curve.threshold, abs=1e-12)
    assert float(curve.apply(-0.1)) > 0.5


def test_fit_to_an_issue_less_like_itself_than_the_background() -> None:
    """The threshold is never below the background's median, even if elements are."""
    curve, diverse = fit_score_map(np.array([-0.8, -0.7]), 2, ORDINARY, reach=-0.6)
    assert MEDIAN == pytest.approx(curve.threshold, abs=1e-12)
    assert SCALE_MIN == curve.below
    assert diverse


@pytest.mark.parametrize("contaminated_share", [0.06, 0.10])
def test_a_contaminated_background_moves_no_threshold_far(contaminated_share: float) -> None:
    """Background rows that belong to the issue move the threshold only a little.

    A tenth of the rows is far above; quantiles alone would put the threshold there.
    """
    clean = np.random.default_rng(1).normal(-1, 0.1, 1_000)
    mixed = np.concatenate(
        [
            clean[: int(1_000 * (1 - contaminated_share))],
            np.full(int(1_000 * contaminated_share), 0.9),
        ]
    )
    median = np.median(mixed)
    spread = median - np.quantile(mixed, 0.16)
    members = np.linspace(-0.9, 1, 101)
    curve, _ = fit_score_map(members, 10**6, mixed, FAR)
    assert max(np.quantile(members, 0.1), median + 5 * spread) == pytest.approx(
        curve.threshold, abs=1e-4
    )
    lone, _ = fit_score_map(EMPTY, 1, mixed, FAR)
    assert median + 6 * spread == pytest.approx(lone.threshold, abs=1e-12)
    assert lone.threshold < -0.2


@pytest.mark.parametrize("members", [(), (-0.2,), (-0.2, -0.2), (-0.5, -0.5)])
def test_fit_to_a_background_without_spread(members: tuple[float, ...]) -> None:
    """With equal background rows the scales stay positive."""
    curve, _ = fit_score_map(np.array(members), max(len(members), 1), np.full(20, -0.2), FAR)
    expected = (sum(members) + 5 * -0.2) / (len(members) + 5)
    assert expected == pytest.approx(curve.threshold, abs=1e-12)
    assert SCALE_MIN == curve.below
    assert max(SCALE_MIN, max(members, default=-9) - expected) == pytest.approx(curve.above)


def test_fit_without_a_background() -> None:
    """Nine of ten elements pass; the scales reach from the threshold to median and maximum."""
    curve, diverse = fit_score_map(np.linspace(0.5, 1, 101), 101, EMPTY, FAR)
    assert 0.55 == pytest.approx(curve.threshold, abs=1e-12)
    assert 0.2 == pytest.approx(curve.below, abs=1e-12)
    assert 0.45 == pytest.approx(curve.above, abs=1e-12)
    assert not diverse


def test_fit_without_a_background_to_a_lone_element() -> None:
    """With one element and no background, frames with a cosine of at least 0.9 pass."""
    curve, diverse = fit_score_map(EMPTY, 1, EMPTY, 0.5)
    assert (ScoreMap(0.67 * 0.5, SCALE_MIN, SCALE_MIN), False) == (curve, diverse)
    assert 0.9 == pytest.approx(1 + np.log(curve.threshold / 0.5) / 4, abs=1e-3)
