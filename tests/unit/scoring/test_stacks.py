"""Stacked models: however they are split and padded, each gives the sums it would give alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sluice.scoring import Scorer, ScoringModel, group, normalise, stacks, vectors
from sluice.scoring.stacks import Stack, stack
from tests.unit.scoring.reference import contrast, random_rows
from tests.unit.scoring.versions import BASES, BY_DIGEST, DIMENSION, assert_close, scorer_of, seeds

Rows = NDArray[np.float32]

sizes = st.lists(st.integers(0, 70), min_size=1, max_size=9)


def unit_rows(seed: int, rows: int) -> Rows:
    """Rows of length 1 in five dimensions."""
    drawn = np.random.default_rng(seed).normal(size=(rows, 5))
    unit: Rows = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    return unit


def draw_models(model_sizes: list[int], seed: int) -> tuple[list[Rows], list[Rows]]:
    """Rows and weights of models of these sizes."""
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=size).astype(np.float32) for size in model_sizes]
    return [unit_rows(seed + number, size) for number, size in enumerate(model_sizes)], weights


def plain_sums(frames: Rows, rows: list[Rows], weights: list[Rows]) -> NDArray[np.float64]:
    """The weighted sums of similarities, model by model."""
    frame_rows = frames.astype(np.float64)
    sums = [
        np.exp(4 * (frame_rows @ model_rows.T - 1)) @ model_weights
        for model_rows, model_weights in zip(rows, weights, strict=True)
    ]
    return np.stack(sums, axis=1)


@given(sizes, seeds, st.sampled_from([3, 16, 2_048]))
def test_sums_are_those_of_each_model(model_sizes: list[int], seed: int, width_max: int) -> None:
    """Sums are those of each model alone, also for empty ones and for ones split into parts."""
    rows, weights = draw_models(model_sizes, seed)
    frames = unit_rows(seed + 100, 7)
    sums = np.zeros((7, len(model_sizes)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stacks, "_WIDTH_MAX", width_max)
        stacked = stack(rows, weights)
    for part in stacked:
        assert len(part.columns) == len(set(part.columns.tolist()))
        assert part.weights.shape[1] <= width_max
        sums[:, part.columns] += part.sums(frames, np.empty(7 * len(part.rows), np.float32))
    np.testing.assert_allclose(sums, plain_sums(frames, rows, weights), rtol=0, atol=1e-5)


@given(sizes, seeds, st.data())
def test_sums_of_pairs_are_those_of_all(
    model_sizes: list[int], seed: int, data: st.DataObject
) -> None:
    """The sums of selected pairs of a frame and a model equal those of the full matrix."""
    rows, weights = draw_models(model_sizes, seed)
    frames = unit_rows(seed + 100, 7)
    for part in stack(rows, weights):
        whole = part.sums(frames, np.empty(7 * len(part.rows), np.float32))
        selections = st.lists(st.booleans(), min_size=whole.size, max_size=whole.size)
        selected = np.array(data.draw(selections), bool).reshape(whole.shape)
        model_numbers, frame_numbers = np.nonzero(selected.T)
        pair_sums = part.sums_of(frames, frame_numbers, model_numbers)
        np.testing.assert_allclose(
            pair_sums, whole[frame_numbers, model_numbers], rtol=0, atol=1e-5
        )


@pytest.mark.parametrize("size", [*range(1, 41), 100, 127, 128, 129, 1_000])
def test_filling_up_is_bounded(size: int) -> None:
    """Models above eight rows are padded by at most an eighth, with rows of weight 0."""
    (part,) = stack([unit_rows(1, size)], [np.ones(size, np.float32)])
    width = part.weights.shape[1]
    assert size <= width <= (size if size <= 8 else size * 9 / 8)
    assert not part.weights[0, size:].any()


@pytest.mark.parametrize("size", range(1, 41))
def test_filled_up_stacks_score_as_full_ones(size: int) -> None:
    """A padded model is compared with its own elements only.

    The frames are opposite to the elements, so any padding row would be nearer.
    """
    scorer = scorer_of([(other, other % 3, 0) for other in range(1, 41)], seed=7)
    frames = normalise(-random_rows(7 + size - 1, size, DIMENSION)[:4])
    expected = [contrast(frame, scorer.models[size - 1], None) for frame in frames]
    actual = scorer.score(frames).contrasts[:, size - 1]
    np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-6)


MODELS = scorer_of([(size, size % 4, size % 3) for size in (1, 5, 9, 33, 34, 35, 36, 40)], 3).models
UNIT = normalise(random_rows(4, 23, DIMENSION))


def limited_scorer(
    patch: pytest.MonkeyPatch,
    rows: int,
    cosines: int,
    width: int = 2_048,
    models: tuple[ScoringModel, ...] = MODELS,
) -> Scorer:
    """A scorer limited to this many rows, cosines and rows of a model at a time."""
    for module in (vectors, group, stacks):
        patch.setattr(module, "ROWS_PER_BLOCK", rows)
    patch.setattr(stacks, "COSINES_PER_BLOCK", cosines)
    patch.setattr(stacks, "_WIDTH_MAX", width)
    return Scorer(models, BY_DIGEST)


@pytest.mark.parametrize("width", [2_048, 16, 7])
@pytest.mark.parametrize(("rows", "cosines"), [(1, 1), (3, 1), (4, 200), (256, 1), (5, 10_000)])
def test_bounds_of_memory_change_no_score(
    rows: int, cosines: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits on memory do not change the scores."""
    whole = Scorer(MODELS, BY_DIGEST).score(UNIT)
    assert_close(whole, limited_scorer(monkeypatch, rows, cosines, width).score(UNIT))


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of cosines held at a time is limited, unless one model alone needs more."""
    cosines_held: list[int] = []
    sums = Stack.sums

    def recording_sums(part: Stack, projected: Rows, scratch: Rows) -> Rows:
        cosines_held.append(len(projected) * len(part.rows))
        assert cosines_held[-1] <= scratch.size
        return sums(part, projected, scratch)

    monkeypatch.setattr(Stack, "sums", recording_sums)
    models = scorer_of([(40, 0, 1)] * 8, seed=5).models
    for cosines, cosines_max in ((4 * 40 * 3, 4 * 40 * 3), (1, 4 * 40)):
        cosines_held.clear()
        scorer = limited_scorer(monkeypatch, 4, cosines, models=models)
        scorer.score(UNIT)
        scorer.matches(UNIT, 0)
        assert cosines_max == max(cosines_held)


def test_stacks_say_what_they_hold() -> None:
    """A scorer's memory is its elements, at most an eighth of padding, and fixed extras."""
    scorer = scorer_of([(size, 0, 2) for size in range(9, 41)], seed=2)
    basis = BASES[2]
    assert basis is not None
    extra_bytes = 4 * 32 * (2 * len(basis.background) + DIMENSION)
    element_bytes = sum(model.elements.nbytes + model.weights.nbytes for model in scorer.models)
    bound_bytes = sum(
        model.bound_centres.nbytes + model.bound_weights.nbytes for model in scorer.models
    )
    assert element_bytes + bound_bytes + extra_bytes <= scorer.nbytes
    assert scorer.nbytes <= (element_bytes + bound_bytes) * 9 / 8 + extra_bytes
