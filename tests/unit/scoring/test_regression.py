"""Kernel ridge regression in blocks and closed forms, compared with one dense solution."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sluice.scoring import regression
from sluice.scoring.regression import LEAVE_ONE_OUT_MAX, Background, Weights
from sluice.scoring.similarity import BasisRows
from tests.unit.scoring.reference import Located, Regression

seeds = st.integers(0, 2**32 - 1)
counts = st.integers(0, 12)


def draw_rows(seed: int, rows: int, remainder_dimension: int = 3) -> BasisRows:
    """Rows of length 1 in four dimensions, with remainders; every fifth repeats the row before."""
    rng = np.random.default_rng([seed, rows])
    values = rng.normal(size=(rows, 4 + remainder_dimension)).astype(np.float32)
    values[4::5] = values[3::5][: len(values[4::5])]
    projected, remainder = values[:, :4], values[:, 4:] * np.float32(0.5)
    lengths = np.linalg.norm(projected, axis=1)[:, None].astype(np.float32)
    return BasisRows(projected / lengths, remainder)


def dense_regression(
    elements: BasisRows, negatives: BasisRows, background: BasisRows
) -> Regression:
    """The reference regression of the same rows."""
    parts = [Located.of(p.projected, p.remainder) for p in (elements, negatives, background)]
    return Regression.of(*parts)


def fit_weights(elements: BasisRows, negatives: BasisRows, background: BasisRows) -> Weights:
    """The weights that the tested `regression.fit` gives."""
    return regression.fit(elements, negatives, Background(background))


def all_weights(weights: Weights) -> NDArray[np.float64]:
    """All weights, in the reference's order."""
    return np.concatenate([weights.elements, weights.negatives, weights.background])


@given(seeds, st.integers(1, 20), counts, counts, st.sampled_from([0, 3]))
def test_weights_are_the_dense_solution(
    seed: int, elements: int, negatives: int, background: int, remainder_dimension: int
) -> None:
    """Weights equal the dense solution, with any number of rows, duplicates and remainders."""
    rows = [
        draw_rows(seed + i, n, remainder_dimension)
        for i, n in enumerate((elements, negatives, background))
    ]
    expected = dense_regression(*rows)
    weights = fit_weights(*rows)
    np.testing.assert_allclose(all_weights(weights), expected.weights(), rtol=0, atol=1e-8)
    own = expected.contrasts(expected.rows)[:elements]
    np.testing.assert_allclose(weights.own, own, rtol=0, atol=1e-8)


@given(seeds, st.integers(1, 12), counts, counts)
def test_leaving_one_out_is_leaving_it_out(
    seed: int, elements: int, negatives: int, background: int
) -> None:
    """The closed forms give each row's contrast in a solution without that row."""
    rows = [draw_rows(seed + i, n) for i, n in enumerate((elements, negatives, background))]
    expected = dense_regression(*rows)
    weights = fit_weights(*rows)
    element_contrasts = [expected.left_out(i) for i in range(elements)]
    np.testing.assert_allclose(weights.leave_one_out, element_contrasts, rtol=0, atol=1e-8)
    background_contrasts = [expected.left_out(elements + negatives + i) for i in range(background)]
    np.testing.assert_allclose(weights.ordinary, background_contrasts, rtol=0, atol=1e-8)
    full_contrasts = expected.contrasts(expected.rows)[elements + negatives :]
    np.testing.assert_allclose(
        weights.background_gains, full_contrasts - background_contrasts, rtol=0, atol=1e-8
    )


def test_a_background_may_be_fitted_to_again() -> None:
    """A background used for several fits gives each the weights of its own ridge."""
    background = Background(draw_rows(3, 60))
    for size in (2, 5, 2, 9):
        elements = draw_rows(1, size)
        weights = regression.fit(elements, elements[:0], background)
        expected = dense_regression(elements, elements[:0], background.rows).weights()
        np.testing.assert_allclose(all_weights(weights), expected, rtol=0, atol=1e-8)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Limits by which more than six elements are solved in parts of four."""
    monkeypatch.setattr(regression, "ELEMENTS_SOLVED_MAX", 6)
    monkeypatch.setattr(regression, "ELEMENTS_PER_PART", 4)
    return iter([None])


def part_solutions(
    elements: BasisRows, negatives: BasisRows, background: BasisRows
) -> list[Regression]:
    """One solution per part: every n-th element, with all negatives and background rows."""
    parts = -(-len(elements) // 4)
    solutions = []
    for part in range(parts):
        solution = dense_regression(elements[part::parts], negatives, background)
        ridges = solution.ridges.copy()
        if len(background):  # the same in all parts, though one may have one element fewer
            ridges[-len(background) :] = max(0.1 * len(background) / (len(elements) / parts), 1)
        solutions.append(Regression(solution.rows, solution.targets, ridges))
    return solutions


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("size", [7, 8, 9, 23])
@pytest.mark.parametrize("background_count", [0, 9, 90])
def test_many_elements_are_averaged_parts(size: int, background_count: int) -> None:
    """Many elements are solved in parts, and a contrast is the mean of the parts' contrasts."""
    rows = draw_rows(1, size), draw_rows(2, background_count // 3), draw_rows(3, background_count)
    solutions = part_solutions(*rows)
    weights = fit_weights(*rows)
    frames = draw_rows(4, 11)
    everything = dense_regression(*rows).rows
    all_regression = Regression(everything, np.zeros(0), np.zeros(0))
    similar = np.exp(4 * (frames.projected.astype(float) @ all_regression.rows.directions.T - 1))
    similar += frames.remainder.astype(float) @ all_regression.rows.remainders.T
    located_frames = Located.of(frames.projected, frames.remainder)
    expected = np.mean([solution.contrasts(located_frames) for solution in solutions], axis=0)
    np.testing.assert_allclose(similar @ all_weights(weights), expected, rtol=0, atol=1e-8)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("size", [7, 23])
def test_parts_leave_one_out_too(size: int) -> None:
    """An element is left out of its own part, a background row out of all parts."""
    rows = draw_rows(1, size), draw_rows(2, 3), draw_rows(3, 30)
    solutions = part_solutions(*rows)
    weights = fit_weights(*rows)
    for index in range(size):
        part, position = index % len(solutions), index // len(solutions)
        element = solutions[part].rows.only(position)
        other_contrasts = [
            solution.contrasts(element)[0]
            for other_part, solution in enumerate(solutions)
            if other_part != part
        ]
        expected = np.mean([solutions[part].left_out(position), *other_contrasts])
        assert expected == pytest.approx(weights.leave_one_out[index], abs=1e-8)
        own = np.mean([solutions[part].contrasts(element)[0], *other_contrasts])
        assert own == pytest.approx(weights.own[index], abs=1e-8)
    for index in range(30):
        background_contrasts = [
            solution.left_out(len(solution.rows) - 30 + index) for solution in solutions
        ]
        assert np.mean(background_contrasts) == pytest.approx(weights.ordinary[index], abs=1e-8)


def test_up_to_the_limit_elements_are_solved_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many elements as the limit are solved in one part."""
    rows = draw_rows(1, 8), draw_rows(2, 2), draw_rows(3, 20)
    monkeypatch.setattr(regression, "ELEMENTS_SOLVED_MAX", 8)
    monkeypatch.setattr(regression, "ELEMENTS_PER_PART", 2)
    np.testing.assert_allclose(
        all_weights(fit_weights(*rows)), dense_regression(*rows).weights(), rtol=0, atol=1e-8
    )


def test_a_bounded_sample_is_compared_without_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more elements than the limit, evenly spaced ones get leave-one-out contrasts."""
    rows = draw_rows(1, 25), draw_rows(2, 3), draw_rows(3, 9)
    complete = fit_weights(*rows)
    assert 25 == len(complete.own) < LEAVE_ONE_OUT_MAX
    monkeypatch.setattr(regression, "LEAVE_ONE_OUT_MAX", 5)
    sampled = fit_weights(*rows)
    np.testing.assert_array_equal(complete.own[::5], sampled.own)
    np.testing.assert_array_equal(complete.leave_one_out[::5], sampled.leave_one_out)


def test_neither_side_outweighs_the_other() -> None:
    """Inverse ridges of elements and background have equal sums; no background ridge is below 1.

    For nearly dissimilar rows, a weight is the remaining target over own similarity plus ridge.
    """
    dissimilar_rows = BasisRows(np.zeros((66, 1), np.float32), np.eye(66, dtype=np.float32) * 9)
    common_similarity = np.exp(-4)  # the similarity at cosine 0
    for elements, background, ridge in ((1, 40, 4.0), (2, 60, 3.0), (5, 60, 1.2), (20, 40, 1.0)):
        weights = fit_weights(
            dissimilar_rows[:elements], dissimilar_rows[:0], dissimilar_rows[66 - background :]
        )
        remaining_target = -1 - common_similarity * all_weights(weights).sum()
        np.testing.assert_allclose(weights.background, remaining_target / (81 + ridge), rtol=1e-9)
        remaining_target = 1 - common_similarity * all_weights(weights).sum()
        np.testing.assert_allclose(weights.elements, remaining_target / (81 + 0.1), rtol=1e-9)
