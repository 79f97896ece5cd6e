"""Matches equal the filtered scores up to rounding, with fewer comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sluice.errors import InvalidArgument
from sluice.scoring import ScoreMap, Scorer, ScoringModel, build_model, group, normalise
from sluice.scoring.score_map import SCALE_MIN
from sluice.scoring.stacks import Stack
from tests.unit.scoring.reference import numbered, random_rows
from tests.unit.scoring.versions import BASES, BY_DIGEST, DIMENSION, elements_of, scorer_of, seeds

# Extremes, the default, any value, and values near typical scores.
thresholds = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1), st.floats(0.4, 0.6))
# The spread of an issue: elements (nearly) equal, close together, or anywhere.
spreads = st.sampled_from([0.0, 0.01, 0.3, 3.0])
issues = st.lists(st.tuples(st.integers(1, 30), spreads, st.integers(0, 2)), min_size=1, max_size=6)


def issue_model(
    seed: int, count: int, spread: float, basis: int, negatives: int = 0
) -> tuple[NDArray[np.float32], ScoringModel]:
    """The elements of an issue, some of them copies of others, and its model."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=DIMENSION) + spread * rng.normal(size=(count, DIMENSION))
    rows[2::5] = rows[1::5][: len(rows[2::5])]
    elements = rows.astype(np.float32)
    # Some negatives raise contrasts: the bounds must include these.
    unlike = random_rows(seed + 3, negatives, DIMENSION)
    model = build_model(elements, numbered(count), BASES[basis], unlike)
    return np.concatenate([elements, unlike[::2]]), model


def draw_issues(
    chosen: list[tuple[int, float, int]], seed: int
) -> tuple[Scorer, NDArray[np.float32]]:
    """A scorer of these issues, and frames equal to their elements, near them, and far away."""
    built = [issue_model(seed + n, *issue, 7 * (n % 2)) for n, issue in enumerate(chosen)]
    elements = np.concatenate([rows[:4] for rows, _ in built])
    near = elements + 0.3 * random_rows(seed + 7, len(elements), DIMENSION)
    frames = np.concatenate([elements, near, random_rows(seed + 8, 20, DIMENSION), elements])
    return Scorer([model for _, model in built], BY_DIGEST), normalise(frames)


def assert_matches_are_the_scores(
    scorer: Scorer,
    unit: NDArray[np.float32],
    least: Sequence[float],
    frame_of_row: NDArray[np.intp] | None = None,
) -> int:
    """Check the pairs, their order and their values; returns how many there are."""
    frames = None if frame_of_row is None else int(frame_of_row[-1]) + 1
    scores = scorer.score(unit, frame_of_row, frames)
    matches = scorer.matches(unit, least, frame_of_row, frames)
    pairs = np.nonzero(scores.scores >= np.array(least))
    assert list(zip(*(index.tolist() for index in pairs), strict=True)) == list(
        zip(matches.frames.tolist(), matches.columns.tolist(), strict=True)
    )
    np.testing.assert_allclose(matches.scores, scores.scores[pairs], rtol=0, atol=1e-5)
    np.testing.assert_allclose(matches.contrasts, scores.contrasts[pairs], rtol=0, atol=2e-6)
    assert_rows_are_best(scorer, unit, frame_of_row, matches.frames, matches.columns, matches.rows)
    return len(matches.rows)


def assert_rows_are_best(
    scorer: Scorer,
    unit: NDArray[np.float32],
    frame_of_row: NDArray[np.intp] | None,
    frames: NDArray[np.intp],
    columns: NDArray[np.intp],
    rows: NDArray[np.intp],
) -> None:
    """Check that the row belongs to the frame and has its largest contrast, up to rounding."""
    by_row = scorer.score(unit).contrasts
    of_frame = np.arange(len(unit)) if frame_of_row is None else frame_of_row
    for frame, column, row in zip(frames, columns, rows, strict=True):
        assert frame == of_frame[row]
        largest = by_row[of_frame == frame, column].max()
        assert largest == pytest.approx(by_row[row, column], abs=2e-6)


@given(issues, seeds, st.lists(thresholds, min_size=6, max_size=6), st.sampled_from([0, 1, 8, 300]))
def test_matches_are_the_scores_that_pass(
    chosen: list[tuple[int, float, int]], seed: int, least: list[float], apart: int
) -> None:
    """Matches are right for any threshold, comparing single pairs or whole stacks."""
    scorer, unit = draw_issues(chosen, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(group, "_ROWS_APART_MAX", apart)
        assert_matches_are_the_scores(scorer, unit, least[: len(chosen)])


@given(issues, seeds, st.lists(thresholds, min_size=6, max_size=6), st.data())
def test_matches_of_crops_are_the_scores_that_pass(
    chosen: list[tuple[int, float, int]], seed: int, least: list[float], data: st.DataObject
) -> None:
    """A frame matches by the best of its crops, also if crops are equal or in several blocks."""
    scorer, unit = draw_issues(chosen, seed)
    unit = unit[data.draw(st.permutations(range(len(unit))))]
    steps = data.draw(st.lists(st.booleans(), min_size=len(unit), max_size=len(unit)))
    frame_of_row = np.cumsum([0, *steps[1:]])
    assert_matches_are_the_scores(scorer, unit, least[: len(chosen)], frame_of_row)


@cache
def many() -> tuple[Scorer, NDArray[np.float32]]:
    """A scorer of 200 versions, and 400 frames, half of them elements."""
    scorer = scorer_of([(1 + n % 40, n % 3, n % 3) for n in range(200)], seed=4)
    elements = [elements_of(4, n, 1 + n % 40)[:1] for n in range(200)]
    return scorer, normalise(np.concatenate([*elements, random_rows(5, 200, DIMENSION)]))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5])
def test_matches_of_many_blocks_and_stacks(share: float) -> None:
    """Matches are right for many models and frames, with this share of pairs over the threshold."""
    scorer, unit = many()
    least = np.quantile(scorer.score(unit).scores, 1 - share, axis=0) - 1e-3
    match_count = assert_matches_are_the_scores(scorer, unit, least.clip(0, 1).tolist())
    assert match_count >= share * 200 * 400


@pytest.mark.parametrize("gap", [34.0, 35.3, 35.8, 36.2, 40.0])
def test_scores_rounded_to_nearly_1_match(gap: float) -> None:
    """Just below 1 many contrasts share a score; a threshold of that score matches all of them.

    The bound of a lone element is tight, so a wrong limit shows.
    """
    scorer = scorer_of([(1, 0, 2)], seed=2)
    unit = normalise(random_rows(9, 4, DIMENSION))
    contrast = float(scorer.score(unit).contrasts[:, 0].max())
    steep = ScoreMap(contrast - gap * SCALE_MIN, SCALE_MIN, SCALE_MIN)
    scorer = Scorer([replace(scorer.models[0], score_map=steep)], BY_DIGEST)
    reached = float(scorer.score(unit).scores.max())
    assert 1 <= assert_matches_are_the_scores(scorer, unit, [reached])


@pytest.mark.parametrize("basis", [0, 1, 2])
def test_one_threshold_may_stand_for_all(basis: int) -> None:
    """A single number is every campaign's threshold."""
    scorer = scorer_of([(9, 0, basis), (3, 2, basis)], seed=2)
    unit = normalise(random_rows(2, 9, DIMENSION))
    one, repeated = scorer.matches(unit, 0.5), scorer.matches(unit, [0.5, 0.5])
    assert len(one.rows) > 0
    np.testing.assert_array_equal(repeated.frames, one.frames)
    np.testing.assert_array_equal(repeated.columns, one.columns)


def test_nothing_matches_nothing() -> None:
    """Without frames, or without models, there is no match and no exception."""
    scorer = scorer_of([(9, 0, 2), (3, 2, 0)], seed=2)
    assert 0 == len(scorer.matches(np.empty((0, DIMENSION), np.float32), 0).rows)
    unit = normalise(random_rows(2, 9, DIMENSION))
    assert 0 == len(scorer.matches(unit, 1).rows)
    assert 0 == len(Scorer([], {}).matches(unit, 0).rows)


class ComparisonCounter:
    """Counts comparisons with stacks of elements (not bounds): whole stacks, and single pairs."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.whole, self.pairs = 0, 0
        sums, sums_of, of_models = Stack.sums, Stack.sums_of, group.ModelGroup.candidates
        of_elements: list[Stack] = []

        def candidates(models: group.ModelGroup, *rest: Any) -> NDArray[np.float32]:
            of_elements.extend(models.stacks)
            return of_models(models, *rest)

        def whole(part: Stack, *rest: Any) -> NDArray[np.float32]:
            self.whole += part in of_elements
            return sums(part, *rest)

        def pairs(part: Stack, projected: NDArray[np.float32], *rest: Any) -> NDArray[np.float32]:
            self.pairs += len(rest[0])
            return sums_of(part, projected, *rest)

        patch.setattr(group.ModelGroup, "candidates", candidates)
        patch.setattr(Stack, "sums", whole)
        patch.setattr(Stack, "sums_of", pairs)


def tight(seed: int, basis: int) -> tuple[NDArray[np.float32], ScoringModel]:
    """An issue with nearly equal elements, so its bounds are tight."""
    return issue_model(seed, 20, 0.01, basis)


@pytest.mark.parametrize("basis", [0, 1, 2])
def test_frames_excluded_by_bounds_are_not_compared(
    basis: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame is compared with the elements of issues whose bounds it reaches, and no others."""
    built = [tight(seed, basis) for seed in range(1, 9)]
    scorer = Scorer([model for _, model in built], BY_DIGEST)
    unlike = normalise(random_rows(5, 300, DIMENSION))
    least = scorer.score(unlike).scores.max(axis=0) * 1.001
    counter = ComparisonCounter(monkeypatch)
    frames = np.concatenate([unlike, normalise(built[3][0][:6])])
    assert 0 == len(scorer.matches(unlike, np.maximum(least, 0.5)).rows)
    assert (0, 0) == (counter.whole, counter.pairs)
    matches = scorer.matches(frames, np.maximum(least, 0.5))
    assert [3] * 6 == matches.columns.tolist()
    assert (0, 6) == (counter.whole, counter.pairs)


def test_where_many_may_match_all_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """If more than an eighth of a block may match a model, its whole stack is compared."""
    elements, model = tight(1, 2)
    scorer = Scorer([model], BY_DIGEST)
    counter = ComparisonCounter(monkeypatch)
    few, many = (normalise(elements[:1]).repeat(count, axis=0) for count in (32, 33))
    assert 32 == len(scorer.matches(few, 0.5).rows)
    assert (0, 32) == (counter.whole, counter.pairs)
    assert 33 == len(scorer.matches(many, 0.5).rows)
    assert (1, 32) == (counter.whole, counter.pairs)


def test_a_negative_that_adds_is_bounded_too() -> None:
    """A frame similar only to a negative of positive weight still matches."""
    scorer = scorer_of([(4, 0, 0)], seed=1)
    (model,) = scorer.models
    negatives = normalise(random_rows(8, 3, DIMENSION))
    weights = np.array([0, 0, 0, 0, -0.2, 3, -0.1], np.float32)
    changed = replace(
        model, negatives=negatives, weights=weights, bound_weights=0 * model.bound_weights
    )
    scorer = Scorer([changed], {})
    assert 1 == assert_matches_are_the_scores(scorer, negatives[1:2], [0.5])


@pytest.mark.parametrize("least", [-0.1, 1.1, float("nan"), [0.5, 0.5], [[0.5]]])
def test_invalid_thresholds_are_rejected(least: Any) -> None:
    """Thresholds outside 0 to 1, or a wrong number of them, are rejected."""
    with pytest.raises(InvalidArgument, match="thresholds"):
        scorer_of([(4, 0, 0)], seed=1).matches(normalise(random_rows(1, 2, DIMENSION)), least)
