"""The learning curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import least_squares

from services.curation.progress.learning_curve import (
    EXPONENT_MAX,
    EXPONENT_MIN,
    LearningCurve,
    NoCurve,
    fit_curve,
)
from sluice.errors import InvalidArgument

SIZES = (100, 200, 400, 800, 1_600, 3_200)


def errors(scale: float, exponent: float, floor: float) -> list[float]:
    """The errors of a power law at SIZES."""
    return [scale * size**-exponent + floor for size in SIZES]


def fitted(
    values: Sequence[float], standard_errors: Sequence[float] | None = None
) -> LearningCurve:
    """The curve, which must fit."""
    curve = fit_curve(SIZES, values, standard_errors=standard_errors)
    assert isinstance(curve, LearningCurve), curve
    return curve


@given(st.floats(0.1, 1.5), st.floats(0.05, 0.5), st.floats(0, 0.3))
def test_a_power_law_is_recovered(exponent: float, fall: float, floor: float) -> None:
    """Points on a curve give that curve, also far outside the points."""
    scale = fall * 100**exponent

    curve = fitted(errors(scale, exponent, floor))

    assert exponent == pytest.approx(curve.exponent, rel=0.01)
    assert floor == pytest.approx(curve.floor, abs=0.005)
    expected = scale * 20_000**-exponent + floor
    assert expected == pytest.approx(curve.error(20_000).value, abs=0.005)


@given(st.integers(0, 10_000), st.sampled_from([-0.1, 0.05]))
def test_no_other_bounded_fit_is_better(seed: int, floor: float) -> None:
    """Least squares by scipy, from several starts, leaves no smaller error; no floor is below 0."""
    noisy = np.array(errors(2, 0.3, floor)) + np.random.default_rng(seed).normal(0, 0.02, 6)
    noisy = noisy.clip(0, 1)
    sizes = np.array(SIZES, np.float64)

    def residuals(p: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(p[0] * (sizes / 3_200) ** -p[1] + p[2] - noisy)

    bounds = ([0, EXPONENT_MIN, 0], [np.inf, EXPONENT_MAX, 1])
    starts = [(0.1, exponent, 0.05) for exponent in (0.1, 0.4, 1.5)]
    best = min(2 * least_squares(residuals, start, bounds=bounds).cost for start in starts)

    curve = fitted(noisy.tolist())

    squares = sum((curve.error(n).value - e) ** 2 for n, e in zip(SIZES, noisy, strict=True))
    assert squares <= best + 1e-6
    assert curve.floor >= 0


def test_a_gain_is_the_difference_of_errors() -> None:
    """Of a curve without noise it is exact: 2/√1600 − 2/√6400 is 0.025; 400 more bring less."""
    curve = fitted(errors(2, 0.5, 0.1))

    assert 0.025 == pytest.approx(curve.gain(1_600, 4_800).value, abs=1e-4)
    assert curve.gain(1_600, 400).value < 0.006
    assert 2 == pytest.approx(curve.scale, rel=0.02)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Of 80 noisy curves, 95 % intervals of a doubled size hold its error in 70, and are narrow."""
    rng = np.random.default_rng(7)
    truth = np.array(errors(2, 0.5, 0.05))
    expected, covered, widths = 2 * 6_400**-0.5 + 0.05, 0, list[float]()
    for run in range(80):
        noisy = truth + rng.normal(0, 0.004, 6)
        curve = fit_curve(SIZES, noisy.tolist(), standard_errors=[0.004] * 6, seed=run)
        assert isinstance(curve, LearningCurve)
        interval = curve.error(6_400).interval
        covered += interval.low <= expected <= interval.high
        widths.append(interval.high - interval.low)

    assert covered >= 70
    assert np.mean(widths) < 0.03


def test_standard_errors_widen_the_interval() -> None:
    """They count where residuals happen to be small."""
    points = errors(2, 0.5, 0.05)

    sure, rough = fitted(points), fitted(points, standard_errors=[0.01] * 6)

    sure_at, rough_at = sure.error(6_400).interval, rough.error(6_400).interval
    assert rough_at.high - rough_at.low > 10 * (sure_at.high - sure_at.low)


@pytest.mark.parametrize(
    ("sizes", "values", "message"),
    [
        ((1, 2, 2, 3), (0.4, 0.3, 0.3, 0.2), "3 numbers of labelled groups were measured"),
        (SIZES, (0.1, 0.1, 0.2, 0.2, 0.3, 0.3), "does not fall"),
        (SIZES, (0.2, 0.2, 0.2, 0.2, 0.2, 0.2), "does not fall"),
        (SIZES, (0.3, 0.1, 0.3, 0.1, 0.3, 0.1), "the fall may be noise"),
    ],
)
def test_points_that_cannot_be_fitted_give_a_reason(
    sizes: tuple[int, ...], values: tuple[float, ...], message: str
) -> None:
    """Too few points, no fall, or one that noise would explain as well."""
    curve = fit_curve(sizes, values)

    assert isinstance(curve, NoCurve)
    assert message in curve.reason


def test_the_interval_is_deterministic_by_seed() -> None:
    """Equal seeds give equal bounds."""
    noisy = (np.array(errors(2, 0.5, 0.1)) + [0, 0.01] * 3).tolist()

    assert fitted(noisy).error(9_000) == fitted(noisy).error(9_000)


@pytest.mark.parametrize(
    ("sizes", "values", "noise", "field"),
    [
        ((0, 1, 2, 3), (0.1,) * 4, None, "sizes[0]"),
        ((1, 2, 3, 4), (0.1, 1.2, 0, 0), None, "errors[1]"),
        ((1, 2, 3, 4), (0.1,) * 3, None, "errors"),
        ((1, 2, 3, 4), (0.1,) * 4, (0.1, float("nan"), 0, 0), "standard_errors[1]"),
        ((1, 2, 3, 4), (0.1,) * 4, (0.1,), "standard_errors"),
    ],
)
def test_an_invalid_point_is_named(
    sizes: Sequence[int], values: Sequence[float], noise: Sequence[float] | None, field: str
) -> None:
    """The error has the index of the point."""
    with pytest.raises(InvalidArgument) as error:
        fit_curve(sizes, values, standard_errors=noise)

    assert [field] == [violation.field for violation in error.value.fields]


def test_a_size_under_1_is_refused() -> None:
    """The curve starts at one group."""
    curve = fitted(errors(2, 0.5, 0.1))

    with pytest.raises(InvalidArgument, match="size: 0"):
        curve.error(0)
    with pytest.raises(InvalidArgument, match="more: 0"):
        curve.gain(10, 0)
