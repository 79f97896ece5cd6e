"""What weighs in a model, and how its curve is fitted: from embeddings, by the formulas."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sluice.errors import InvalidArgument
from sluice.scoring import (
    Basis,
    ScoreMap,
    Scorer,
    ScoringModel,
    build_basis,
    build_model,
    model,
    normalise,
    regression,
)
from sluice.scoring.score_map import fit_score_map
from tests.unit.scoring.reference import (
    Located,
    Regression,
    background_of,
    locate,
    numbered,
    random_rows,
)

Rows = NDArray[np.float32]

DIMENSION = 70
BACKGROUND = random_rows(1, 280, DIMENSION)
BASIS = build_basis(BACKGROUND)
bases = pytest.mark.parametrize("basis", [None, BASIS], ids=["no basis", "basis"])


def dense(elements: Rows, basis: Basis | None, negatives: Rows, known: int = 0) -> Regression:
    """The regression of an issue whose first elements are the first rows of the background."""
    of_issue = locate(elements, basis)
    background = background_of(basis, of_issue)
    others = Located(background.directions[known:], background.remainders[known:])
    return Regression.of(of_issue, locate(negatives, basis), others)


def contrasts(built: ScoringModel, frames: Rows) -> Rows:
    """The contrasts of frames to a model."""
    return Scorer([built], {BASIS.digest: BASIS}).score(normalise(frames)).contrasts[:, 0]


@bases
@pytest.mark.parametrize("size", [2, 3, 7, 40])
@pytest.mark.parametrize("unlike", [0, 5])
def test_the_curve_is_fitted_to_leave_one_out_contrasts(
    size: int, unlike: int, basis: Basis | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each element is compared with a fit to the others, so is each other background row.

    Half of the elements are background rows too: these are not ordinary.
    """
    elements = np.concatenate([BACKGROUND[: size // 2], random_rows(2, size, DIMENSION)])[:size]
    negatives = random_rows(3, unlike, DIMENSION)
    reaches = []

    def watched(*fitted: Any) -> tuple[ScoreMap, bool]:
        reaches.append(fitted[-1])
        return fit_score_map(*fitted)

    monkeypatch.setattr(model, "fit_score_map", watched)
    built = build_model(elements, numbered(size), basis, negatives)
    solved = dense(elements, basis, negatives, size // 2)
    members = np.array([solved.left_out(row) for row in range(size)])
    others = range(size + unlike, len(solved.rows))
    ordinary = np.array([solved.left_out(row) for row in others])
    reach = float(solved.contrasts(solved.rows)[:size].max())
    assert [reach] == pytest.approx(reaches, abs=5e-6)
    expected, diverse = fit_score_map(members, size, ordinary, reach)
    actual = built.score_map
    assert expected.threshold == pytest.approx(actual.threshold, abs=5e-6)
    assert expected.below == pytest.approx(actual.below, abs=5e-6)
    assert expected.above == pytest.approx(actual.above, abs=5e-6)
    assert diverse == built.diverse


@bases
def test_a_lone_element_has_no_others(basis: Basis | None) -> None:
    """One element alone has no leave-one-out values, and copies of it add none."""
    element = random_rows(2, 1, DIMENSION)
    one = build_model(element, numbered(1), basis)
    copies = build_model(element.repeat(3, axis=0), numbered(3), basis)
    solved = dense(element, basis, element[:0])
    ordinary = np.array([solved.left_out(row) for row in range(1, len(solved.rows))])
    reach = float(solved.contrasts(solved.rows)[0])
    expected, _ = fit_score_map(np.empty(0), 1, ordinary, reach)
    assert expected.threshold == pytest.approx(one.score_map.threshold, abs=5e-6)
    assert one.score_map == copies.score_map


def by_digest(row: NDArray[np.float32]) -> str:
    """What negatives are ordered by."""
    return blake2b((row + 0.0).tobytes()).hexdigest()


@bases
def test_weights_are_the_regressions(basis: Basis | None) -> None:
    """Elements, negatives and background have the weights of one dense solution."""
    elements, negatives = random_rows(2, 12, DIMENSION), random_rows(3, 5, DIMENSION)
    built = build_model(elements, numbered(12), basis, negatives)
    order = [by_digest(row) for row in normalise(negatives)]
    negatives = negatives[np.argsort(order)]
    weights = dense(elements, basis, negatives).weights()
    np.testing.assert_allclose(built.weights, weights[:17], rtol=0, atol=5e-6)
    np.testing.assert_allclose(built.background_weights, weights[17:], rtol=0, atol=5e-6)
    if basis is None:
        assert 0 == built.direction.size
    else:
        solved = dense(elements, basis, negatives)
        direction = basis.remainder @ (weights @ solved.rows.remainders)
        np.testing.assert_allclose(built.direction, direction, rtol=0, atol=1e-5)


@pytest.mark.parametrize("known", [1, 9, 280])
def test_background_rows_that_are_elements_have_no_weight(known: int) -> None:
    """They say nothing of what is ordinary, though all other rows do, be there any or none."""
    elements = np.concatenate([BACKGROUND[:known], random_rows(2, 3, DIMENSION)])
    built = build_model(elements, numbered(len(elements)), BASIS)
    assert not built.background_weights[:known].any()
    assert built.background_weights[known:].all()
    solved = dense(elements, BASIS, elements[:0], known)
    new = random_rows(4, 9, DIMENSION)
    expected = solved.contrasts(locate(new, BASIS))
    np.testing.assert_allclose(contrasts(built, new), expected, rtol=0, atol=1e-5)


@bases
@pytest.mark.parametrize("size", [1, 12, 30])
def test_negatives_lower_what_is_near_them(size: int, basis: Basis | None) -> None:
    """Frames near a discarded sample have less contrast than without it, those far away hardly.

    A frame that is a negative itself is below all elements.
    """
    elements = random_rows(2, size, DIMENSION)
    discarded = elements[:1] + 0.5 * random_rows(5, 1, DIMENSION)
    plain = build_model(elements, numbered(size), basis)
    taught = build_model(elements, numbered(size), basis, discarded)
    assert plain.digest != taught.digest
    noise = random_rows(6, 1, DIMENSION)
    near = np.concatenate([discarded + step * noise for step in (0, 1, 2, 9)])
    lost = contrasts(plain, near) - contrasts(taught, near)
    assert lost[0] > lost[1] > lost[2] > lost[0] / 9 > abs(lost[3])
    assert contrasts(taught, discarded)[0] < contrasts(taught, elements).min()


@given(st.permutations(range(8)))
def test_the_order_of_negatives_does_not_matter(order: list[int]) -> None:
    """The same negatives in any order, copies and lengths apart, are the same model to the bit."""
    elements, negatives = random_rows(2, 5, DIMENSION), random_rows(3, 8, DIMENSION)
    built = build_model(elements, numbered(5), BASIS, negatives)
    assert (8, 64) == built.negatives.shape
    again = np.concatenate([negatives[order], negatives[order[:3]] * 2])
    assert built.digest == build_model(elements, numbered(5), BASIS, again).digest
    other = np.concatenate([negatives[:-1], random_rows(4, 1, DIMENSION)])
    assert built.digest != build_model(elements, numbered(5), BASIS, other).digest


def test_no_negatives_are_none() -> None:
    """Whether none are given or an array of none, the model is the same."""
    elements = random_rows(2, 5, DIMENSION)
    none = build_model(elements, numbered(5), BASIS)
    empty = build_model(elements, numbered(5), BASIS, np.empty((0, DIMENSION)))
    assert none.digest == empty.digest
    assert (0, 64) == none.negatives.shape


def test_of_too_many_negatives_some_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are given only so many are kept, evenly spaced ones of their order."""
    elements, negatives = random_rows(2, 5, DIMENSION), random_rows(3, 8, DIMENSION)
    every = build_model(elements, numbered(5), BASIS, negatives)
    monkeypatch.setattr(model, "NEGATIVES_MAX", 4)
    some = build_model(elements, numbered(5), BASIS, negatives)
    np.testing.assert_allclose(some.negatives, every.negatives[::2], rtol=0, atol=1e-6)
    assert (9,) == some.weights.shape


def test_negatives_are_checked_as_elements_are() -> None:
    """A negative without direction is named by its row; one of another dimension is refused."""
    elements, negatives = random_rows(1, 4, DIMENSION), random_rows(2, 3, DIMENSION)
    negatives[1] = 0
    with pytest.raises(InvalidArgument, match="row 1"):
        build_model(elements, numbered(4), BASIS, negatives)
    with pytest.raises(InvalidArgument, match=f"dimension 4, expected {DIMENSION}"):
        build_model(elements, numbered(4), None, random_rows(2, 3, 4))


def test_large_issues_are_calibrated_by_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more elements than the limit, evenly spaced ones are compared with the others."""
    elements = random_rows(3, 90, DIMENSION)
    monkeypatch.setattr(regression, "LEAVE_ONE_OUT_MAX", 30)
    built = build_model(elements, numbered(90), None)
    solved = dense(elements, None, elements[:0])
    members = np.array([solved.left_out(row) for row in range(0, 90, 3)])
    expected, _ = fit_score_map(members, 90, np.empty(0), 1.0)
    assert expected.threshold == pytest.approx(built.score_map.threshold, abs=5e-6)


@bases
def test_issues_solved_in_parts_score_as_their_mean(
    basis: Basis | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model of averaged parts scores, and its bounds hold: matches are the scores that pass."""
    monkeypatch.setattr(regression, "ELEMENTS_SOLVED_MAX", 20)
    monkeypatch.setattr(regression, "ELEMENTS_PER_PART", 10)
    elements, negatives = random_rows(2, 40, DIMENSION), random_rows(3, 5, DIMENSION)
    built = build_model(elements, numbered(40), basis, negatives)
    new = random_rows(4, 9, DIMENSION)
    parts = [dense(elements[part::4], basis, negatives) for part in range(4)]
    expected = np.mean([part.contrasts(locate(new, basis)) for part in parts], axis=0)
    np.testing.assert_allclose(contrasts(built, new), expected, rtol=0, atol=5e-6)
    scorer, unit = Scorer([built], {BASIS.digest: BASIS}), normalise(new)
    passing = np.flatnonzero(scorer.score(unit).scores[:, 0] >= 0.4)
    assert passing.tolist() == scorer.matches(unit, 0.4).frames.tolist()
