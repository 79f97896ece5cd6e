"""The weights and the score map of a model, from embeddings, compared with the formulas."""

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
    fitting,
    model,
    normalise,
)
from sluice.scoring.score_map import fit_score_map
from tests.unit.scoring.reference import components_of, fitted, locate, numbered, random_rows

Rows = NDArray[np.float32]

DIMENSION = 70
BACKGROUND = random_rows(1, 280, DIMENSION)
BASIS = build_basis(BACKGROUND)
bases = pytest.mark.parametrize("basis", [None, BASIS], ids=["no basis", "basis"])


def model_contrasts(built: ScoringModel, frames: Rows) -> Rows:
    """The contrasts of frames to a model."""
    return Scorer([built], {BASIS.digest: BASIS}).score(normalise(frames)).contrasts[:, 0]


@bases
@pytest.mark.parametrize("size", [2, 3, 7, 40])
@pytest.mark.parametrize("negative_count", [0, 5])
def test_the_curve_is_fitted_to_leave_one_out_contrasts(
    size: int, negative_count: int, basis: Basis | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each element and each other background row is left out of the fit it is compared with.

    Half of the elements are background rows too, and do not count as ordinary.
    """
    elements = np.concatenate([BACKGROUND[: size // 2], random_rows(2, size, DIMENSION)])[:size]
    negatives = random_rows(3, negative_count, DIMENSION)
    reaches = []

    def recording_fit(*arguments: Any) -> tuple[ScoreMap, bool]:
        reaches.append(arguments[3])
        return fit_score_map(*arguments)

    monkeypatch.setattr(model, "fit_score_map", recording_fit)
    built = build_model(elements, numbered(size), basis, negatives)
    fit = fitted(elements, basis, negatives, size // 2)
    left_out = fit.left_out()
    members, ordinary = left_out[:size], left_out[size + negative_count :]
    reach = float(fit.contrasts(locate(elements, basis)).max())
    assert [reach] == pytest.approx(reaches, abs=5e-6)
    share = fit.members.estimate if fit.members else 0.0
    expected, diverse = fit_score_map(members, size, ordinary, reach, share)
    actual = built.score_map
    assert expected.threshold == pytest.approx(actual.threshold, abs=5e-6)
    assert expected.below == pytest.approx(actual.below, abs=5e-6)
    assert expected.above == pytest.approx(actual.above, abs=5e-6)
    assert diverse == built.diverse


@bases
def test_a_lone_element_has_no_others(basis: Basis | None) -> None:
    """One element alone has no leave-one-out values, and copies of it add none."""
    element = random_rows(2, 1, DIMENSION)
    single = build_model(element, numbered(1), basis)
    copies = build_model(element.repeat(3, axis=0), numbered(3), basis)
    fit = fitted(element, basis)
    ordinary = fit.left_out()[1:]
    reach = float(fit.contrasts(locate(element, basis))[0])
    expected, _ = fit_score_map(np.empty(0), 1, ordinary, reach)
    assert expected.threshold == pytest.approx(single.score_map.threshold, abs=5e-6)
    assert single.score_map == copies.score_map


def negative_digest(row: NDArray[np.float32]) -> str:
    """The digest by which negatives are sorted."""
    return blake2b((row + 0.0).tobytes()).hexdigest()


@bases
def test_weights_are_the_regressions(basis: Basis | None) -> None:
    """Elements, negatives and background rows have the weights of one dense solution."""
    elements, negatives = random_rows(2, 12, DIMENSION), random_rows(3, 5, DIMENSION)
    built = build_model(elements, numbered(12), basis, negatives)
    order = [negative_digest(row) for row in normalise(negatives)]
    negatives = negatives[np.argsort(order)]
    fit = fitted(elements, basis, negatives)
    weights = fit.weights()
    np.testing.assert_allclose(built.weights, weights[:17], rtol=0, atol=5e-6)
    np.testing.assert_allclose(built.background_weights, weights[17:], rtol=0, atol=5e-6)
    if basis is None:
        assert (0, 0) == (built.direction.size, built.prototype.size)
    else:
        direction = basis.remainder @ fit.remainder()
        np.testing.assert_allclose(built.direction, direction, rtol=0, atol=1e-5)
        prototype = components_of(basis) @ fit.prototype
        np.testing.assert_allclose(built.prototype, prototype, rtol=0, atol=1e-5)


@pytest.mark.parametrize("shared_rows", [1, 9, 280])
def test_background_rows_that_are_elements_have_no_weight(shared_rows: int) -> None:
    """Background rows that are elements or set aside have weight 0; all others have one."""
    elements = np.concatenate([BACKGROUND[:shared_rows], random_rows(2, 3, DIMENSION)])
    built = build_model(elements, numbered(len(elements)), BASIS)
    fit = fitted(elements, BASIS, shared_rows=shared_rows)
    weightless = [*range(shared_rows), *(row - 3 for row in fit.aside)]
    assert weightless == np.flatnonzero(built.background_weights == 0).tolist()
    frames = random_rows(4, 9, DIMENSION)
    expected = fit.contrasts(locate(frames, BASIS))
    np.testing.assert_allclose(model_contrasts(built, frames), expected, rtol=0, atol=1e-5)


@bases
@pytest.mark.parametrize("size", [1, 12, 30])
def test_negatives_lower_what_is_near_them(size: int, basis: Basis | None) -> None:
    """A negative lowers the contrast of frames near it, and hardly that of frames far away.

    A frame equal to a negative has less contrast than every element.
    """
    elements = random_rows(2, size, DIMENSION)
    discarded = elements[:1] + 0.5 * random_rows(5, 1, DIMENSION)
    without_negative = build_model(elements, numbered(size), basis)
    with_negative = build_model(elements, numbered(size), basis, discarded)
    assert without_negative.digest != with_negative.digest
    noise = random_rows(6, 1, DIMENSION)
    frames = np.concatenate([discarded + step * noise for step in (0, 1, 2, 9)])
    drops = model_contrasts(without_negative, frames) - model_contrasts(with_negative, frames)
    assert drops[0] > drops[1] > drops[2] > drops[0] / 9 > abs(drops[3])
    assert (
        model_contrasts(with_negative, discarded)[0]
        < model_contrasts(with_negative, elements).min()
    )


@given(st.permutations(range(8)))
def test_the_order_of_negatives_does_not_matter(order: list[int]) -> None:
    """Order, duplicates and lengths of negatives do not change the model, bit for bit."""
    elements, negatives = random_rows(2, 5, DIMENSION), random_rows(3, 8, DIMENSION)
    built = build_model(elements, numbered(5), BASIS, negatives)
    assert (8, 64) == built.negatives.shape
    reordered = np.concatenate([negatives[order], negatives[order[:3]] * 2])
    assert built.digest == build_model(elements, numbered(5), BASIS, reordered).digest
    other_negatives = np.concatenate([negatives[:-1], random_rows(4, 1, DIMENSION)])
    assert built.digest != build_model(elements, numbered(5), BASIS, other_negatives).digest


def test_no_negatives_are_none() -> None:
    """An empty array of negatives gives the same model as no array."""
    elements = random_rows(2, 5, DIMENSION)
    without_negatives = build_model(elements, numbered(5), BASIS)
    with_empty_negatives = build_model(elements, numbered(5), BASIS, np.empty((0, DIMENSION)))
    assert without_negatives.digest == with_empty_negatives.digest
    assert (0, 64) == without_negatives.negatives.shape


def test_of_too_many_negatives_some_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more negatives than the limit, evenly spaced ones are kept."""
    elements, negatives = random_rows(2, 5, DIMENSION), random_rows(3, 8, DIMENSION)
    complete = build_model(elements, numbered(5), BASIS, negatives)
    monkeypatch.setattr(model, "NEGATIVES_MAX", 4)
    sampled = build_model(elements, numbered(5), BASIS, negatives)
    np.testing.assert_allclose(sampled.negatives, complete.negatives[::2], rtol=0, atol=1e-6)
    assert (9,) == sampled.weights.shape


def test_negatives_are_checked_as_elements_are() -> None:
    """A negative that is zero or of another dimension is refused."""
    elements, negatives = random_rows(1, 4, DIMENSION), random_rows(2, 3, DIMENSION)
    negatives[1] = 0
    with pytest.raises(InvalidArgument, match="row 1"):
        build_model(elements, numbered(4), BASIS, negatives)
    with pytest.raises(InvalidArgument, match=f"dimension 4, expected {DIMENSION}"):
        build_model(elements, numbered(4), None, random_rows(2, 3, 4))


@bases
def test_issues_solved_in_parts_match_as_they_score(
    basis: Basis | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The matches of a model solved in parts are the scores that pass."""
    monkeypatch.setattr(fitting, "ELEMENTS_SOLVED_MAX", 20)
    monkeypatch.setattr(fitting, "ELEMENTS_PER_PART", 10)
    elements, negatives = random_rows(2, 40, DIMENSION), random_rows(3, 5, DIMENSION)
    built = build_model(elements, numbered(40), basis, negatives)
    scorer, unit = Scorer([built], {BASIS.digest: BASIS}), normalise(random_rows(4, 9, DIMENSION))
    passing = np.flatnonzero(scorer.score(unit).scores[:, 0] >= 0.4)
    assert passing.tolist() == scorer.matches(unit, 0.4).frames.tolist()
