"""The fit of an issue, averaged over several regressions and the prototype, by plain loops."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sluice.scoring import fitting
from sluice.scoring.fitting import Weights
from sluice.scoring.prototype import Widths
from sluice.scoring.regression import Background
from sluice.scoring.similarity import BasisRows
from sluice.scoring.space import SpaceFacts
from tests.unit.scoring.reference import (
    Average,
    Located,
    Regression,
    average,
    joined,
    similarities,
)
from tests.unit.scoring.test_regression import draw_rows

seeds = st.integers(0, 2**32 - 1)
Rows = tuple[BasisRows, BasisRows, BasisRows]


EVENNESS = 0.9
WIDTHS = Widths(np.array([3.0, 1.5, 2.0, 4.0]), np.array([0.5, 0.0, 2.0]))
"""Of components as `draw_rows` gives them; the second remainder has no variance."""


def located(rows: BasisRows, widths: Widths | None = None) -> Located:
    """The rows for the reference; with widths, those of a prototype too."""
    plain = None
    if widths is not None:
        remainder = rows.remainder[:, [0, 2]] * rows.inverse_lengths[:, None]
        plain = np.concatenate([rows.projected, remainder], axis=1)
        plain /= np.append(widths.projected, widths.remainder[[0, 2]])
    return Located.of(rows.projected, rows.remainder, plain)


def fit(rows: Rows, structure: float = 0.5, widths: Widths | None = None) -> Weights:
    """The tested fit of elements, negatives and background."""
    elements, negatives, background = rows
    evenness = EVENNESS if widths is not None else 0.0
    space = SpaceFacts(structure, widths, evenness)
    return fitting.fit(elements, negatives, Background(background), space)


def expected_fit(rows: Rows, structure: float = 0.5, widths: Widths | None = None) -> Average:
    """The reference's fit of elements, negatives and background."""
    elements, negatives, background = (located(part, widths) for part in rows)
    return average(elements, negatives, background, structure, EVENNESS)


def all_weights(weights: Weights) -> NDArray[np.float64]:
    """All weights, in the reference's order."""
    return np.concatenate([weights.elements, weights.negatives, weights.background])


@given(
    seeds,
    st.integers(1, 20),
    st.integers(0, 5),
    st.integers(30, 60),
    st.floats(0, 1),
    st.sampled_from([None, WIDTHS]),
)
def test_an_average_is_the_references(
    seed: int,
    elements: int,
    negatives: int,
    background: int,
    structure: float,
    widths: Widths | None,
) -> None:
    """Weights, leave-one-out contrasts and estimates are those of plain loops."""
    # All rows differ: of equal ones either may be set aside.
    drawn = draw_rows(seed, 2 * background)
    distinct = drawn[np.delete(np.arange(2 * background), np.s_[4::5])][:background]
    rows = draw_rows(seed + 1, elements), draw_rows(seed + 2, negatives), distinct
    expected, weights = expected_fit(rows, structure, widths), fit(rows, structure, widths)
    np.testing.assert_allclose(all_weights(weights), expected.weights(), rtol=0, atol=1e-7)
    np.testing.assert_allclose(weights.remainder, expected.remainder(), rtol=0, atol=1e-7)
    left_out = expected.left_out()
    contrasts, ordinary = weights.contrasts, left_out[elements + negatives :]
    np.testing.assert_allclose(contrasts.leave_one_out, left_out[:elements], rtol=0, atol=1e-6)
    np.testing.assert_allclose(contrasts.ordinary, ordinary, rtol=0, atol=1e-6)
    own = expected.contrasts(located(rows[0], widths))
    np.testing.assert_allclose(contrasts.own, own, rtol=0, atol=1e-6)
    assert len(expected.aside) == weights.set_aside
    assert (elements < 3) == (weights.members is None)
    trials = [fitted.remainder_weight for fitted in expected.complete]
    remainder_weight = expected.shares @ trials / expected.shares.sum()
    assert weights.remainder_weight == pytest.approx(remainder_weight)
    share = expected.probabilities[len(trials) :].sum()
    assert weights.prototype_share == pytest.approx(share)
    assert (widths is None) == (weights.prototype is None)
    if weights.prototype is not None:
        actual = weights.prototype.contrast(rows[2])
        plain = located(rows[2], widths).plain @ expected.prototype
        np.testing.assert_allclose(actual, plain, rtol=0, atol=1e-6)


def test_the_remainder_is_trusted_as_far_as_it_ranks() -> None:
    """Elements alike in the remainder alone raise its weight over the prior, others lower it."""
    rng = np.random.default_rng(1)
    projected = rng.normal(size=(240, 6)).astype(np.float32)
    remainder = rng.normal(size=(240, 40)).astype(np.float32) / 8
    by_remainder, by_projection = remainder.copy(), projected.copy()
    by_remainder[:30] += 0.5
    by_projection[:30] += 1.5
    weights = []
    for directions, further in ((projected, by_remainder), (by_projection, remainder)):
        unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
        rows = BasisRows(
            unit.astype(np.float32), further.astype(np.float32), np.ones(240, np.float32)
        )
        weights.append(fit((rows[:30], rows[:0], rows[30:])).remainder_weight)
    assert weights[0] > 0.409 > weights[1]


@pytest.mark.parametrize(("structure", "expected"), [(0, 0.19), (1, 0.628), (0.5, 0.409)])
def test_a_lone_element_has_the_weight_of_its_space(structure: float, expected: float) -> None:
    """Without other elements the prior decides, from the structure of the space."""
    rows = BasisRows(
        np.eye(60, dtype=np.float32), np.zeros((60, 1), np.float32), np.ones(60, np.float32)
    )
    weights = fit((rows[:1], rows[:0], rows[1:]), structure)
    assert expected == pytest.approx(weights.remainder_weight, abs=1e-9)


def test_without_a_remainder_there_is_one_fit() -> None:
    """Rows without remainders have no weight of them."""
    rows = draw_rows(1, 9, 0), draw_rows(2, 2, 0), draw_rows(3, 50, 0)
    weights = fit(rows)
    assert (0.0, (0,)) == (weights.remainder_weight, weights.remainder.shape)
    np.testing.assert_allclose(
        all_weights(weights), expected_fit(rows).weights(), rtol=0, atol=1e-8
    )


def test_probable_members_are_set_aside() -> None:
    """Copies of elements in the background are set aside, and their share is estimated."""
    rng = np.random.default_rng(2)
    centre = rng.normal(size=24)
    members = centre + 0.4 * rng.normal(size=(60, 24))
    values = np.concatenate([members, rng.normal(size=(460, 24))])
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    rows = BasisRows(
        values.astype(np.float32), np.zeros((520, 0), np.float32), np.ones(520, np.float32)
    )
    weights = fit((rows[:20], rows[:0], rows[20:]))
    assert weights.members is not None
    assert weights.members.low < 40 / 500 < weights.members.high
    assert weights.members.estimate == pytest.approx(40 / 500, rel=0.3)
    assert round(weights.members.estimate * 500 / (1 + 20 / 30)) == weights.set_aside
    aside = np.flatnonzero(weights.background == 0)
    assert weights.set_aside == len(aside)
    assert aside.max() < 40


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Limits by which more than six elements are solved in parts of four."""
    monkeypatch.setattr(fitting, "ELEMENTS_SOLVED_MAX", 6)
    monkeypatch.setattr(fitting, "ELEMENTS_PER_PART", 4)
    return iter([None])


def part_averages(rows: Rows, structure: float) -> tuple[list[list[Regression]], list[float]]:
    """The regressions of each part with each weight of the remainder kept, and their shares.

    The first part decides which are kept; the shares count contrasts by the spread over all parts.
    """
    elements, negatives, background = rows
    parts = -(-len(elements) // 4)
    ridge = max(0.1 * len(background) / (len(elements) / parts), 1)
    ridge *= 1 + 3 / (len(elements) / parts)

    def regression(part: int, weight: float) -> Regression:
        of_part = located(elements[part::parts])
        plain = Regression.of(of_part, located(negatives), located(background), weight)
        ridges = plain.ridges.copy()
        ridges[len(ridges) - len(background) :] = ridge
        return Regression(plain.rows, plain.targets, ridges, weight)

    candidates = (0.0, 0.1, 0.3, 1.0)
    count = len(elements[::parts])
    prior = (1 - structure) * np.array([0.4, 0.3, 0.2, 0.1])
    prior += structure * np.array([0.02, 0.08, 0.4, 0.5])
    for index, weight in enumerate(candidates):
        left_out = regression(0, weight).all_left_out()
        ordinary = left_out[len(left_out) - len(background) :]
        ranks = np.array([(ordinary >= value).sum() + 10 for value in left_out[:count]])
        evidence = -np.log(ranks / (len(ordinary) + 10)).mean()
        prior[index] *= np.exp(2 * count / np.sqrt(count + 9) * evidence)
    prior /= prior.sum()
    kept = [index for index in range(4) if prior[index] >= 0.05]
    fits, shares = [], []
    for index in kept:
        of_parts = [regression(part, candidates[index]) for part in range(parts)]
        left_out = np.mean(
            [fitted.all_left_out()[-len(background) :] for fitted in of_parts], axis=0
        )
        median, low = np.quantile(left_out, [0.5, 0.16])
        fits.append(of_parts)
        shares.append(prior[index] / (median - low))
    return fits, [share / sum(shares) for share in shares]


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("size", [7, 8, 9, 23])
@pytest.mark.parametrize("structure", [0.0, 1.0])
def test_many_elements_are_averaged_parts(size: int, structure: float) -> None:
    """Many elements are solved in parts, and a contrast is the mean of the parts' contrasts."""
    rows = draw_rows(1, size), draw_rows(2, 5), draw_rows(3, 90)
    weights = fit(rows, structure)
    frames = located(draw_rows(4, 11))
    all_rows = joined(*map(located, rows))
    actual = similarities(frames, all_rows, 0.0) @ all_weights(weights)
    actual += frames.remainders @ weights.remainder
    fits, shares = part_averages(rows, structure)
    means = [np.mean([part.contrasts(frames) for part in parts], axis=0) for parts in fits]
    np.testing.assert_allclose(actual, shares @ np.array(means), rtol=0, atol=1e-8)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("size", [7, 23])
def test_parts_leave_one_out_too(size: int) -> None:
    """An element is left out of its own part, a background row out of all parts."""
    rows = draw_rows(1, size), draw_rows(2, 3), draw_rows(3, 30)
    weights = fit(rows)
    fits, shares = part_averages(rows, 0.5)
    parts = len(fits[0])
    own, left_out, ordinary = np.zeros(size), np.zeros(size), np.zeros(30)
    for share, regressions in zip(shares, fits, strict=True):
        for part, regression in enumerate(regressions):
            contrasts = share * regression.contrasts(located(rows[0])) / parts
            without = share * regression.all_left_out() / parts
            own, left_out = own + contrasts, left_out + contrasts
            left_out[part::parts] += without[: len(rows[0][part::parts])] - contrasts[part::parts]
            ordinary += without[-30:]
    np.testing.assert_allclose(weights.contrasts.own, own, rtol=0, atol=1e-8)
    np.testing.assert_allclose(weights.contrasts.leave_one_out, left_out, rtol=0, atol=1e-8)
    np.testing.assert_allclose(weights.contrasts.ordinary, ordinary, rtol=0, atol=1e-8)


def test_up_to_the_limit_elements_are_solved_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many elements as the limit are solved in one part."""
    rows = draw_rows(1, 8), draw_rows(2, 2), draw_rows(3, 40)
    monkeypatch.setattr(fitting, "ELEMENTS_SOLVED_MAX", 8)
    monkeypatch.setattr(fitting, "ELEMENTS_PER_PART", 2)
    expected = expected_fit(rows).weights()
    np.testing.assert_allclose(all_weights(fit(rows)), expected, rtol=0, atol=1e-8)


@pytest.mark.usefixtures("small_parts")
def test_of_many_elements_a_sample_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more elements than the limit, evenly spaced ones get leave-one-out contrasts."""
    rows = draw_rows(1, 25), draw_rows(2, 3), draw_rows(3, 30)
    complete = fit(rows).contrasts
    assert 25 == len(complete.own) < fitting.LEAVE_ONE_OUT_MAX
    monkeypatch.setattr(fitting, "LEAVE_ONE_OUT_MAX", 5)
    sampled = fit(rows).contrasts
    np.testing.assert_allclose(complete.own[::5], sampled.own, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        complete.leave_one_out[::5], sampled.leave_one_out, rtol=0, atol=1e-12
    )


@pytest.mark.parametrize(("elements", "share"), [(1, 0.576), (4, 0.36), (12, 0.18)])
def test_few_elements_trust_their_mean(elements: int, share: float) -> None:
    """Where all fits rank alike, the share of the prototype falls with the number of elements."""
    rows = BasisRows(
        np.eye(60, dtype=np.float32), np.zeros((60, 0), np.float32), np.ones(60, np.float32)
    )
    widths = Widths(np.ones(60), np.ones(0))
    weights = fit((rows[:elements], rows[:0], rows[elements:]), widths=widths)
    assert share == pytest.approx(weights.prototype_share, abs=1e-9)


def test_a_large_issue_has_no_prototype(monkeypatch: pytest.MonkeyPatch) -> None:
    """Issues solved in parts are their regressions alone."""
    rows = draw_rows(1, 7), draw_rows(2, 2), draw_rows(3, 40)
    assert fit(rows, widths=WIDTHS).prototype is not None
    monkeypatch.setattr(fitting, "ELEMENTS_SOLVED_MAX", 6)
    monkeypatch.setattr(fitting, "ELEMENTS_PER_PART", 4)
    weights = fit(rows, widths=WIDTHS)
    assert (None, 0.0) == (weights.prototype, weights.prototype_share)
