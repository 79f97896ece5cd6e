"""Many frames against many versions at once score as each would, worked out by hand, alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sluice.errors import InvalidArgument
from sluice.scoring import (
    Basis,
    Scorer,
    Scores,
    build_basis,
    build_model,
    kernel,
    normalise,
    vectors,
)
from sluice.scoring.model import mean_nearest
from tests.unit.scoring.reference import (
    frame_contrasts,
    numbered,
    random_model,
    random_rows,
    score,
)

DIMENSION = 12
BASES: list[Basis | None] = [
    None,
    build_basis(random_rows(1, 60, DIMENSION)),
    build_basis(random_rows(2, 48, DIMENSION)),
]
BY_DIGEST = {basis.digest: basis for basis in BASES if basis is not None}

versions = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from(range(len(BASES)))), min_size=1, max_size=7
)
seeds = st.integers(0, 2**32 - 1)


def scorer_of(sizes: list[tuple[int, int]], seed: int) -> Scorer:
    """A scorer of models of those sizes, each in the basis of that number."""
    models = [
        random_model(seed + index, size, DIMENSION, BASES[basis])
        for index, (size, basis) in enumerate(sizes)
    ]
    return Scorer(models, BY_DIGEST)


def frames_for(scorer: Scorer, seed: int) -> NDArray[np.float32]:
    """Frames of all kinds: new ones, elements, and rows of both backgrounds."""
    background = [random_rows(1, 60, DIMENSION)[:3], random_rows(2, 48, DIMENSION)[:3]]
    elements = random_rows(seed, len(scorer.models[0].elements), DIMENSION)[:3]
    return np.concatenate([random_rows(seed + 99, 6, DIMENSION), elements, *background])


def assert_close(expected: Scores, actual: Scores) -> None:
    """Equal but for rounding."""
    np.testing.assert_allclose(actual.contrasts, expected.contrasts, rtol=0, atol=1e-6)
    np.testing.assert_allclose(actual.scores, expected.scores, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(expected.rows, actual.rows)


@given(versions, seeds)
def test_scores_are_the_designs(sizes: list[tuple[int, int]], seed: int) -> None:
    """Contrast and score are as defined: issues of 1 to 40 elements, with bases and without."""
    scorer = scorer_of(sizes, seed)
    frames = frames_for(scorer, seed)
    scores = scorer.score(normalise(frames))
    for column, model in enumerate(scorer.models):
        expected = frame_contrasts(frames, model, BASES[sizes[column][1]])
        np.testing.assert_allclose(scores.contrasts[:, column], expected, rtol=0, atol=2e-6)
        curve = model.score_map
        mapped = [score(c, curve.threshold, curve.below, curve.above) for c in expected]
        np.testing.assert_allclose(scores.scores[:, column], mapped, rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", range(1, 41))
def test_filled_up_stacks_score_as_full_ones(size: int) -> None:
    """A model that shares its stack with larger ones is compared with its own elements only.

    The frames are opposite to the elements, so anything that fills up would be nearer.
    """
    sizes = [(other, 0) for other in range(1, 41)]
    scorer = scorer_of(sizes, seed=7)
    frames = -random_rows(7 + size - 1, size, DIMENSION)[:4]
    expected = frame_contrasts(frames, scorer.models[size - 1], None)
    actual = scorer.score(normalise(frames)).contrasts[:, size - 1]
    np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-6)


@given(versions, seeds)
def test_campaigns_together_score_as_alone(sizes: list[tuple[int, int]], seed: int) -> None:
    """No campaign's scores depend on which others are active."""
    together = scorer_of(sizes, seed)
    unit = normalise(frames_for(together, seed))
    scores = together.score(unit)
    for column, model in enumerate(together.models):
        alone = Scorer([model], BY_DIGEST).score(unit)
        only = slice(column, column + 1)
        assert_close(
            alone, Scores(scores.scores[:, only], scores.contrasts[:, only], scores.rows[:, only])
        )


@given(versions, seeds, st.integers(0, 15))
def test_batches_score_as_their_parts(sizes: list[tuple[int, int]], seed: int, cut: int) -> None:
    """A frame's scores do not depend on the frames that it arrives with."""
    scorer = scorer_of(sizes, seed)
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


@pytest.mark.parametrize(("rows", "cosines"), [(1, 1), (3, 1), (4, 200), (256, 1), (5, 10_000)])
def test_bounds_of_memory_change_no_score(
    rows: int, cosines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However finely work is cut, the scores are the same."""
    scorer = scorer_of([(size, size % 3) for size in (1, 5, 9, 33, 34, 35, 36, 40)], seed=3)
    unit = normalise(random_rows(4, 23, DIMENSION))
    whole = scorer.score(unit)
    monkeypatch.setattr(vectors, "ROWS_PER_BLOCK", rows)
    monkeypatch.setattr(kernel, "ROWS_PER_BLOCK", rows)
    monkeypatch.setattr(kernel, "COSINES_PER_BLOCK", cosines)
    assert_close(whole, scorer.score(unit))


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more cosines are held at a time than stated, unless one model alone has more."""
    held: list[int] = []

    def watched(cosines: NDArray[np.float32]) -> NDArray[np.float32]:
        held.append(cosines.size)
        return mean_nearest(cosines)

    monkeypatch.setattr(kernel, "mean_nearest", watched)
    monkeypatch.setattr(vectors, "ROWS_PER_BLOCK", 4)
    monkeypatch.setattr(kernel, "ROWS_PER_BLOCK", 4)
    monkeypatch.setattr(kernel, "COSINES_PER_BLOCK", 4 * 64 * 3)
    scorer = scorer_of([(64, 1)] * 8, seed=5)
    scorer.score(normalise(random_rows(6, 10, DIMENSION)))
    assert 4 * 64 * 3 == max(held)


@given(seeds, st.lists(st.integers(1, 4), min_size=1, max_size=8))
def test_frames_score_by_the_best_of_their_crops(seed: int, crops: list[int]) -> None:
    """A frame has its best crop's score and contrast, and says which row that was."""
    scorer = scorer_of([(7, 1), (3, 0)], seed)
    frame_of_row = np.repeat(np.arange(len(crops)), crops)
    unit = normalise(random_rows(seed + 5, len(frame_of_row), DIMENSION))
    each = scorer.score(unit)
    best = scorer.score(unit, frame_of_row, len(crops))
    assert (len(crops), 2) == best.scores.shape == best.rows.shape
    for frame in range(len(crops)):
        of_frame = np.flatnonzero(frame_of_row == frame)
        for column in range(2):
            row = of_frame[each.contrasts[of_frame, column].argmax()]
            assert row == best.rows[frame, column]
            assert each.contrasts[row, column] == best.contrasts[frame, column]
            assert each.scores[row, column] == best.scores[frame, column]


def test_equal_crops_name_the_first() -> None:
    """Of crops with the same contrast the first has the score."""
    scorer = scorer_of([(7, 1)], seed=2)
    unit = normalise(np.repeat(random_rows(3, 2, DIMENSION), [1, 3], axis=0))
    scores = scorer.score(unit, np.array([0, 1, 1, 1]), 2)
    assert [0, 1] == scores.rows[:, 0].tolist()


def test_frames_without_crops_name_their_own_row() -> None:
    """Where each frame is one row, it is that row, whether or not the rows are numbered."""
    scorer = scorer_of([(7, 1), (2, 0)], seed=2)
    unit = normalise(random_rows(3, 5, DIMENSION))
    plain = scorer.score(unit)
    assert [[row, row] for row in range(5)] == plain.rows.tolist()
    assert_close(plain, scorer.score(unit, np.arange(5), 5))


@pytest.mark.parametrize("numbered_rows", [False, True])
def test_nothing_scores_nothing(numbered_rows: bool) -> None:
    """A batch of no rows has no scores, and needs no exception."""
    scorer = scorer_of([(7, 1), (2, 0)], seed=2)
    empty = np.empty((0, DIMENSION), np.float32)
    scores = scorer.score(empty, np.empty(0, np.intp), 0) if numbered_rows else scorer.score(empty)
    assert (0, 2) == scores.scores.shape == scores.rows.shape == scores.contrasts.shape


def test_no_version_scores_nothing() -> None:
    """Without an active campaign frames have no scores, of whatever dimension they are."""
    unit = normalise(random_rows(1, 3, 5))
    assert (3, 0) == Scorer([], {}).score(unit).scores.shape
    assert (2, 0) == Scorer([], {}).score(unit, np.array([0, 0, 1]), 2).rows.shape


def test_only_vectors_of_the_space_are_compared() -> None:
    """Frames of another dimension are refused, saying which is expected."""
    scorer = scorer_of([(7, 1)], seed=2)
    with pytest.raises(InvalidArgument, match=f"dimension 5, expected {DIMENSION}") as refused:
        scorer.score(normalise(random_rows(1, 3, 5)))
    assert "SPACE_MISMATCH" == refused.value.reason


def test_versions_of_two_spaces_are_not_scored_together() -> None:
    """Models of two dimensions are refused, naming both."""
    models = [random_model(1, 3, dimension, None) for dimension in (5, 6)]
    with pytest.raises(InvalidArgument, match=r"\[5, 6\]"):
        Scorer(models, {})


def test_scores_are_double_precision() -> None:
    """Scores keep the order that float32 would lose near 0 and 1."""
    scores = scorer_of([(7, 1)], seed=2).score(normalise(random_rows(3, 2, DIMENSION)))
    assert np.float64 == scores.scores.dtype
    assert np.float32 == scores.contrasts.dtype


def test_stacks_say_what_they_hold() -> None:
    """A scorer's memory is at least its elements' and at most an eighth more."""
    sizes = [(size, 1) for size in range(9, 41)]
    scorer = scorer_of(sizes, seed=2)
    elements = sum(model.elements.nbytes for model in scorer.models)
    assert elements <= scorer.nbytes <= elements * 9 / 8


def test_a_frame_unlike_anything_scores_nothing_special() -> None:
    """The mean of the background has no direction: its contrast is 0, and it does not pass."""
    background = random_rows(1, 60, DIMENSION)
    basis = build_basis(background)
    model = build_model(background[:5], numbered(5), basis)
    mean = normalise(background).astype(np.float64).mean(axis=0)
    # Not of length 1: taken into the basis as it is, it is the origin.
    scores = Scorer([model], {basis.digest: basis}).score(mean[None].astype(np.float32))
    assert 0 == scores.contrasts[0, 0]
    assert 0.5 > scores.scores[0, 0]
