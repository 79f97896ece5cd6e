"""Kernel ridge regression in blocks and closed forms, against one dense solution."""

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


def places(seed: int, rows: int, further: int = 3) -> BasisRows:
    """Rows of length 1 in four dimensions, with remainders; every fifth is its predecessor."""
    rng = np.random.default_rng([seed, rows])
    both = rng.normal(size=(rows, 4 + further)).astype(np.float32)
    both[4::5] = both[3::5][: len(both[4::5])]
    projected, remainder = both[:, :4], both[:, 4:] * np.float32(0.5)
    lengths = np.linalg.norm(projected, axis=1)[:, None].astype(np.float32)
    return BasisRows(projected / lengths, remainder)


def dense(elements: BasisRows, negatives: BasisRows, background: BasisRows) -> Regression:
    """The reference's regression of the same rows."""
    parts = [Located.of(p.projected, p.remainder) for p in (elements, negatives, background)]
    return Regression.of(*parts)


def fit_to(elements: BasisRows, negatives: BasisRows, background: BasisRows) -> Weights:
    """What is tested."""
    return regression.fit(elements, negatives, Background(background))


def together(found: Weights) -> NDArray[np.float64]:
    """All weights, in the reference's order."""
    return np.concatenate([found.elements, found.negatives, found.background])


@given(seeds, st.integers(1, 20), counts, counts, st.sampled_from([0, 3]))
def test_weights_are_the_dense_solution(
    seed: int, elements: int, negatives: int, background: int, further: int
) -> None:
    """Of however many rows of each kind, equal ones among them, with remainders and without."""
    rows = [places(seed + i, n, further) for i, n in enumerate((elements, negatives, background))]
    expected = dense(*rows)
    found = fit_to(*rows)
    np.testing.assert_allclose(together(found), expected.weights(), rtol=0, atol=1e-8)
    own = expected.contrasts(expected.rows)[:elements]
    np.testing.assert_allclose(found.own, own, rtol=0, atol=1e-8)


@given(seeds, st.integers(1, 12), counts, counts)
def test_leaving_one_out_is_leaving_it_out(
    seed: int, elements: int, negatives: int, background: int
) -> None:
    """The closed forms are what elements and background rows get from a solution without them."""
    rows = [places(seed + i, n) for i, n in enumerate((elements, negatives, background))]
    expected = dense(*rows)
    found = fit_to(*rows)
    members = [expected.left_out(i) for i in range(elements)]
    np.testing.assert_allclose(found.leave_one_out, members, rtol=0, atol=1e-8)
    ordinary = [expected.left_out(elements + negatives + i) for i in range(background)]
    np.testing.assert_allclose(found.ordinary, ordinary, rtol=0, atol=1e-8)
    with_it = expected.contrasts(expected.rows)[elements + negatives :]
    np.testing.assert_allclose(found.background_gains, with_it - ordinary, rtol=0, atol=1e-8)


def test_a_background_may_be_fitted_to_again() -> None:
    """What is kept of it is of the ridge that it is asked for, whatever was asked before."""
    background = Background(places(3, 60))
    for size in (2, 5, 2, 9):
        elements = places(1, size)
        found = regression.fit(elements, elements[:0], background)
        expected = dense(elements, elements[:0], background.rows).weights()
        np.testing.assert_allclose(together(found), expected, rtol=0, atol=1e-8)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """More than six elements are solved by four."""
    monkeypatch.setattr(regression, "ELEMENTS_SOLVED_MAX", 6)
    monkeypatch.setattr(regression, "ELEMENTS_PER_PART", 4)
    return iter([None])


def part_solutions(
    elements: BasisRows, negatives: BasisRows, background: BasisRows
) -> list[Regression]:
    """Every n-th element with all negatives and background rows, as many times as are needed."""
    parts = -(-len(elements) // 4)
    found = []
    for part in range(parts):
        solved = dense(elements[part::parts], negatives, background)
        ridges = solved.ridges.copy()
        if len(background):  # of all parts alike, though one may have an element less
            ridges[-len(background) :] = max(0.1 * len(background) / (len(elements) / parts), 1)
        found.append(Regression(solved.rows, solved.targets, ridges))
    return found


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("size", [7, 8, 9, 23])
@pytest.mark.parametrize("others", [0, 9, 90])
def test_many_elements_are_averaged_parts(size: int, others: int) -> None:
    """Each part is solved by itself; a frame's contrast is the mean of theirs."""
    rows = places(1, size), places(2, others // 3), places(3, others)
    solutions = part_solutions(*rows)
    found = fit_to(*rows)
    frames = places(4, 11)
    everything = dense(*rows).rows
    actual = Regression(everything, np.zeros(0), np.zeros(0))
    similar = np.exp(4 * (frames.projected.astype(float) @ actual.rows.directions.T - 1))
    similar += frames.remainder.astype(float) @ actual.rows.remainders.T
    here = Located.of(frames.projected, frames.remainder)
    expected = np.mean([solution.contrasts(here) for solution in solutions], axis=0)
    np.testing.assert_allclose(similar @ together(found), expected, rtol=0, atol=1e-8)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("size", [7, 23])
def test_parts_leave_one_out_too(size: int) -> None:
    """An element is left out of its own part, a background row of all of them."""
    rows = places(1, size), places(2, 3), places(3, 30)
    solutions = part_solutions(*rows)
    found = fit_to(*rows)
    for index in range(size):
        part, place = index % len(solutions), index // len(solutions)
        here = solutions[part].rows.only(place)
        others = [s.contrasts(here)[0] for n, s in enumerate(solutions) if n != part]
        expected = np.mean([solutions[part].left_out(place), *others])
        assert expected == pytest.approx(found.leave_one_out[index], abs=1e-8)
        own = np.mean([solutions[part].contrasts(here)[0], *others])
        assert own == pytest.approx(found.own[index], abs=1e-8)
    for index in range(30):
        left_out = [s.left_out(len(s.rows) - 30 + index) for s in solutions]
        assert np.mean(left_out) == pytest.approx(found.ordinary[index], abs=1e-8)


def test_up_to_the_limit_elements_are_solved_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only more elements than stated are divided."""
    rows = places(1, 8), places(2, 2), places(3, 20)
    monkeypatch.setattr(regression, "ELEMENTS_SOLVED_MAX", 8)
    monkeypatch.setattr(regression, "ELEMENTS_PER_PART", 2)
    np.testing.assert_allclose(together(fit_to(*rows)), dense(*rows).weights(), rtol=0, atol=1e-8)


def test_a_bounded_sample_is_compared_without_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more elements than stated, evenly spaced ones stand for all."""
    rows = places(1, 25), places(2, 3), places(3, 9)
    whole = fit_to(*rows)
    assert 25 == len(whole.own) < LEAVE_ONE_OUT_MAX
    monkeypatch.setattr(regression, "LEAVE_ONE_OUT_MAX", 5)
    sample = fit_to(*rows)
    np.testing.assert_array_equal(whole.own[::5], sample.own)
    np.testing.assert_array_equal(whole.leave_one_out[::5], sample.leave_one_out)


def test_neither_side_outweighs_the_other() -> None:
    """Elements and background get equal sums of inverse ridges; no background row beats a negative.

    Rows that have nothing in common show their ridge: target over similarity to itself and ridge.
    """
    far = BasisRows(np.zeros((66, 1), np.float32), np.eye(66, dtype=np.float32) * 9)
    tie = np.exp(-4)  # what even those have in common
    for elements, background, ridge in ((1, 40, 4.0), (2, 60, 3.0), (5, 60, 1.2), (20, 40, 1.0)):
        found = fit_to(far[:elements], far[:0], far[66 - background :])
        rest = -1 - tie * together(found).sum()
        np.testing.assert_allclose(found.background, rest / (81 + ridge), rtol=1e-9)
        rest = 1 - tie * together(found).sum()
        np.testing.assert_allclose(found.elements, rest / (81 + 0.1), rtol=1e-9)
