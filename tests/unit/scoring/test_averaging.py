"""The average of fits with several weights of the remainder, compared with plain loops."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sluice.scoring import averaging
from sluice.scoring.averaging import LEAVE_ONE_OUT_MAX, Weights, measure_structure
from sluice.scoring.regression import Background
from sluice.scoring.similarity import BasisRows
from tests.unit.scoring.reference import Average, Located, Regression, average, similarities
from tests.unit.scoring.test_regression import draw_rows

seeds = st.integers(0, 2**32 - 1)
Rows = tuple[BasisRows, BasisRows, BasisRows]


def located(rows: BasisRows) -> Located:
    """The rows for the reference."""
    return Located.of(rows.projected, rows.remainder)


def fit(rows: Rows, structure: float = 0.5) -> Weights:
    """The tested fit of elements, negatives and background."""
    elements, negatives, background = rows
    return averaging.fit(elements, negatives, Background(background), structure)


def expected_fit(rows: Rows, structure: float = 0.5) -> Average:
    """The reference's fit of elements, negatives and background."""
    elements, negatives, background = map(located, rows)
    return average(elements, negatives, background, structure)


def all_weights(weights: Weights) -> NDArray[np.float64]:
    """All weights, in the reference's order."""
    return np.concatenate([weights.elements, weights.negatives, weights.background])


@given(seeds, st.integers(1, 20), st.integers(0, 5), st.integers(30, 60), st.floats(0, 1))
def test_an_average_is_the_references(
    seed: int, elements: int, negatives: int, background: int, structure: float
) -> None:
    """Weights, leave-one-out contrasts and estimates are those of plain loops."""
    # All rows differ: of equal ones either may be set aside.
    drawn = draw_rows(seed, 2 * background)
    distinct = drawn[np.delete(np.arange(2 * background), np.s_[4::5])][:background]
    rows = draw_rows(seed + 1, elements), draw_rows(seed + 2, negatives), distinct
    expected, weights = expected_fit(rows, structure), fit(rows, structure)
    np.testing.assert_allclose(all_weights(weights), expected.weights(), rtol=0, atol=1e-7)
    np.testing.assert_allclose(weights.remainder, expected.remainder(), rtol=0, atol=1e-7)
    left_out = expected.left_out()
    np.testing.assert_allclose(weights.leave_one_out, left_out[:elements], rtol=0, atol=1e-7)
    ordinary = left_out[elements + negatives :]
    np.testing.assert_allclose(weights.ordinary, ordinary, rtol=0, atol=1e-7)
    own = expected.contrasts(located(rows[0]))
    np.testing.assert_allclose(weights.own, own, rtol=0, atol=1e-7)
    assert len(expected.aside) == weights.set_aside
    assert (elements < 3) == (weights.members is None)
    trials = [fitted.remainder_weight for fitted in expected.complete]
    assert weights.remainder_weight == pytest.approx(expected.shares @ trials)


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
        rows = BasisRows(unit.astype(np.float32), further.astype(np.float32))
        weights.append(fit((rows[:30], rows[:0], rows[30:])).remainder_weight)
    assert weights[0] > 0.409 > weights[1]


@pytest.mark.parametrize(("structure", "expected"), [(0, 0.19), (1, 0.628), (0.5, 0.409)])
def test_a_lone_element_has_the_weight_of_its_space(structure: float, expected: float) -> None:
    """Without other elements the prior decides, from the structure of the space."""
    rows = BasisRows(np.eye(60, dtype=np.float32), np.zeros((60, 1), np.float32))
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
    rows = BasisRows(values.astype(np.float32), np.zeros((520, 0), np.float32))
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
    monkeypatch.setattr(averaging, "ELEMENTS_SOLVED_MAX", 6)
    monkeypatch.setattr(averaging, "ELEMENTS_PER_PART", 4)
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
    all_rows = Located(
        np.concatenate([located(part).directions for part in rows]),
        np.concatenate([located(part).remainders for part in rows]),
    )
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
    np.testing.assert_allclose(weights.own, own, rtol=0, atol=1e-8)
    np.testing.assert_allclose(weights.leave_one_out, left_out, rtol=0, atol=1e-8)
    np.testing.assert_allclose(weights.ordinary, ordinary, rtol=0, atol=1e-8)


def test_up_to_the_limit_elements_are_solved_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many elements as the limit are solved in one part."""
    rows = draw_rows(1, 8), draw_rows(2, 2), draw_rows(3, 40)
    monkeypatch.setattr(averaging, "ELEMENTS_SOLVED_MAX", 8)
    monkeypatch.setattr(averaging, "ELEMENTS_PER_PART", 2)
    expected = expected_fit(rows).weights()
    np.testing.assert_allclose(all_weights(fit(rows)), expected, rtol=0, atol=1e-8)


def test_a_bounded_sample_is_compared_without_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more elements than the limit, evenly spaced ones get leave-one-out contrasts."""
    rows = draw_rows(1, 25), draw_rows(2, 3), draw_rows(3, 0)
    complete = fit(rows)
    assert 25 == len(complete.own) < LEAVE_ONE_OUT_MAX
    monkeypatch.setattr(averaging, "LEAVE_ONE_OUT_MAX", 5)
    sampled = fit(rows)
    np.testing.assert_array_equal(complete.own[::5], sampled.own)
    np.testing.assert_array_equal(complete.leave_one_out[::5], sampled.leave_one_out)


def plain_structure(rows: BasisRows) -> float:
    """The structure of remainders, row by row."""
    count, values = len(rows), rows.remainder.astype(np.float64)
    directions = rows.projected.astype(np.float64)
    others = [[other for other in range(count) if other != row] for row in range(count)]
    products = [[values[row] @ values[other] for other in others[row]] for row in range(count)]
    deviation = np.sqrt(np.mean(np.square(products)))
    largest = []
    for row in range(count):
        cosines = [directions[row] @ directions[other] for other in others[row]]
        nearest = np.argsort(cosines)[::-1][: max(count // 100, 1)]
        largest.append(np.delete(products[row], nearest).max())
    return float(np.clip((np.median(largest) / deviation - 4) / 2, 0, 1))


@pytest.mark.parametrize("rows", [2, 3, 60, 250])
def test_structure_is_that_of_plain_loops(rows: int) -> None:
    """The structure of a space compares each row with all but its nearest."""
    rng = np.random.default_rng(rows)
    projected = rng.normal(size=(rows, 5)).astype(np.float32)
    projected /= np.linalg.norm(projected, axis=1, keepdims=True)
    # Heavy tails, so that some rows have products far beyond noise.
    remainder = (rng.standard_t(1.5, size=(rows, 9))).astype(np.float32)
    drawn = BasisRows(projected, remainder)
    if rows == 2:  # its nearest row is the only other one
        assert 0 == measure_structure(drawn)
    else:
        assert plain_structure(drawn) == pytest.approx(measure_structure(drawn), abs=1e-9)


def test_noise_has_no_structure_and_rare_pairs_have_much() -> None:
    """Remainders of noise have structure 0, those of rare pairs that are alike have 1."""
    rng = np.random.default_rng(5)
    projected = rng.normal(size=(600, 8)).astype(np.float32)
    projected /= np.linalg.norm(projected, axis=1, keepdims=True)
    noise = rng.normal(size=(600, 200)).astype(np.float32)
    assert 0 == measure_structure(BasisRows(projected, noise))
    pairs = noise + np.repeat(rng.normal(size=(300, 200)), 2, axis=0).astype(np.float32) * 2
    assert 1 == measure_structure(BasisRows(projected, pairs))
    assert 0 == measure_structure(BasisRows(projected, np.zeros((600, 3), np.float32)))
    assert 0 == measure_structure(BasisRows(projected, noise[:, :0]))
    assert 0 == measure_structure(BasisRows(projected[:1], noise[:1]))
