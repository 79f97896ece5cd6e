"""Scoring many frames against many versions gives the same as the reference, one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import InvalidArgument
from sluice.scoring import Basis, Scorer, Scores, build_model, normalise
from tests.unit.scoring.reference import (
    fitted,
    frame_contrasts,
    locate,
    numbered,
    random_model,
    random_rows,
    score,
)
from tests.unit.scoring.versions import (
    BASES,
    BY_DIGEST,
    DIMENSION,
    Version,
    assert_close,
    elements_of,
    frames_for,
    scorer_of,
    seeds,
    versions,
)


def test_versions_have_what_is_to_be_tested() -> None:
    """The bases under test include one with a remainder and one without."""
    assert [0, 6] == [basis.remainder.shape[1] for basis in BASES if basis is not None]


@given(st.integers(1, 40), st.sampled_from([0, 1, 7]), st.sampled_from([0, 1, 2]), seeds)
def test_contrasts_are_the_regressions(
    elements: int, negatives: int, basis: int, seed: int
) -> None:
    """Contrasts equal those of one dense regression over all rows."""
    given_elements = elements_of(seed, 0, elements)
    unlike = random_rows(seed + 50, negatives, DIMENSION)
    model = build_model(given_elements, numbered(elements), BASES[basis], unlike)
    frames = np.concatenate([random_rows(seed + 99, 6, DIMENSION), given_elements[:3], unlike[:3]])
    expected = fitted(given_elements, BASES[basis], unlike).contrasts(locate(frames, BASES[basis]))
    actual = Scorer([model], BY_DIGEST).score(normalise(frames)).contrasts[:, 0]
    np.testing.assert_allclose(actual, expected, rtol=0, atol=5e-6)


@given(versions, seeds)
def test_scores_are_the_designs(chosen: list[Version], seed: int) -> None:
    """Contrast and score equal the reference; background rows leave themselves out."""
    scorer = scorer_of(chosen, seed)
    frames = frames_for(scorer, seed)
    scores = scorer.score(normalise(frames))
    for column, model in enumerate(scorer.models):
        expected = frame_contrasts(frames, model, BASES[chosen[column][2]])
        np.testing.assert_allclose(scores.contrasts[:, column], expected, rtol=0, atol=2e-6)
        curve = model.score_map
        mapped = [score(c, curve.threshold, curve.below, curve.above) for c in expected]
        np.testing.assert_allclose(scores.scores[:, column], mapped, rtol=0, atol=2e-5)


@given(versions, seeds)
def test_campaigns_together_score_as_alone(chosen: list[Version], seed: int) -> None:
    """No campaign's scores depend on which others are active."""
    together = scorer_of(chosen, seed)
    unit = normalise(frames_for(together, seed))
    scores = together.score(unit)
    for column, model in enumerate(together.models):
        alone = Scorer([model], BY_DIGEST).score(unit)
        only = slice(column, column + 1)
        assert_close(
            alone, Scores(scores.scores[:, only], scores.contrasts[:, only], scores.rows[:, only])
        )


@given(versions, seeds, st.integers(0, 15))
def test_batches_score_as_their_parts(chosen: list[Version], seed: int, cut: int) -> None:
    """A frame's scores do not depend on the frames that it arrives with."""
    scorer = scorer_of(chosen, seed)
    unit = normalise(frames_for(scorer, seed))
    cut = min(cut, len(unit))
    first, rest = scorer.score(unit[:cut]), scorer.score(unit[cut:])
    assert_close(
        scorer.score(unit),
        Scores(
            np.concatenate([first.scores, rest.scores]),
            np.concatenate([first.contrasts, rest.contrasts]),
            np.concatenate([first.rows, rest.rows + cut]),
        ),
    )


def test_equal_frames_score_alike_wherever_they_stand() -> None:
    """In a batch of many blocks, copies of a frame have equal contrasts up to rounding."""
    scorer = scorer_of([(40, 3, 2), (9, 0, 1), (5, 0, 0)], seed=1)
    unit = normalise(random_rows(3, 1, DIMENSION)).repeat(700, axis=0)
    contrasts = scorer.score(unit).contrasts
    np.testing.assert_allclose(contrasts, contrasts[:1].repeat(700, axis=0), rtol=0, atol=2e-6)


@given(seeds, st.lists(st.integers(1, 4), min_size=1, max_size=8))
def test_frames_score_by_the_best_of_their_crops(seed: int, crops: list[int]) -> None:
    """A frame has the score, contrast and row of its best crop."""
    scorer = scorer_of([(7, 0, 2), (3, 2, 0)], seed)
    frame_of_row = np.repeat(np.arange(len(crops)), crops)
    unit = normalise(random_rows(seed + 5, len(frame_of_row), DIMENSION))
    by_row = scorer.score(unit)
    best = scorer.score(unit, frame_of_row, len(crops))
    assert (len(crops), 2) == best.scores.shape == best.rows.shape
    for frame in range(len(crops)):
        of_frame = np.flatnonzero(frame_of_row == frame)
        for column in range(2):
            row = of_frame[by_row.contrasts[of_frame, column].argmax()]
            assert row == best.rows[frame, column]
            assert by_row.contrasts[row, column] == best.contrasts[frame, column]
            assert by_row.scores[row, column] == best.scores[frame, column]


def test_equal_crops_name_the_first() -> None:
    """Of crops with equal contrast, the first is named."""
    scorer = scorer_of([(7, 0, 2)], seed=2)
    unit = normalise(np.repeat(random_rows(3, 2, DIMENSION), [1, 3], axis=0))
    scores = scorer.score(unit, np.array([0, 1, 1, 1]), 2)
    assert [0, 1] == scores.rows[:, 0].tolist()


def test_frames_without_crops_name_their_own_row() -> None:
    """A frame of one row names that row, with and without `frame_of_row`."""
    scorer = scorer_of([(7, 0, 2), (2, 1, 0)], seed=2)
    unit = normalise(random_rows(3, 5, DIMENSION))
    plain = scorer.score(unit)
    assert [[row, row] for row in range(5)] == plain.rows.tolist()
    assert_close(plain, scorer.score(unit, np.arange(5), 5))


@pytest.mark.parametrize("numbered_rows", [False, True])
def test_nothing_scores_nothing(numbered_rows: bool) -> None:
    """An empty batch has no scores and raises nothing."""
    scorer = scorer_of([(7, 0, 2), (2, 1, 0)], seed=2)
    empty = np.empty((0, DIMENSION), np.float32)
    scores = scorer.score(empty, np.empty(0, np.intp), 0) if numbered_rows else scorer.score(empty)
    assert (0, 2) == scores.scores.shape == scores.rows.shape == scores.contrasts.shape


def test_no_version_scores_nothing() -> None:
    """Without models, frames of any dimension have no scores."""
    unit = normalise(random_rows(1, 3, 5))
    assert (3, 0) == Scorer([], {}).score(unit).scores.shape
    assert (2, 0) == Scorer([], {}).score(unit, np.array([0, 0, 1]), 2).rows.shape


def test_only_vectors_of_the_space_are_compared() -> None:
    """Frames of another dimension are rejected; the error has the expected one."""
    scorer = scorer_of([(7, 0, 2)], seed=2)
    with pytest.raises(InvalidArgument, match=f"dimension 5, expected {DIMENSION}") as raised:
        scorer.score(normalise(random_rows(1, 3, 5)))
    assert "SPACE_MISMATCH" == raised.value.reason


def test_versions_of_two_spaces_are_not_scored_together() -> None:
    """Models of two dimensions are rejected; the error names both."""
    models = [random_model(1, 3, dimension, None) for dimension in (5, 6)]
    with pytest.raises(InvalidArgument, match=r"\[5, 6\]"):
        Scorer(models, {})


def test_scores_are_double_precision() -> None:
    """Scores are float64, which keeps their order near 0 and 1."""
    scores = scorer_of([(7, 0, 2)], seed=2).score(normalise(random_rows(3, 2, DIMENSION)))
    assert np.float64 == scores.scores.dtype
    assert np.float32 == scores.contrasts.dtype


@pytest.mark.parametrize("basis", [basis for basis in BASES if basis is not None])
def test_a_frame_unlike_anything_is_at_right_angles(basis: Basis) -> None:
    """The background mean has no direction: its cosine to every row is 0."""
    model = random_model(3, 5, DIMENSION, basis)
    # Not of length 1: taken into the basis as it is, it is the origin.
    scores = Scorer([model], {basis.digest: basis}).score(basis.mean[None])
    weights = float(model.weights.sum() + model.background_weights.sum())
    assert np.exp(-4) * weights == pytest.approx(float(scores.contrasts[0, 0]), abs=1e-6)
