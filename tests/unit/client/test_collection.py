"""Selecting scores that pass, keeping the best, and splitting them into batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sluice.collection import BATCH_FRAMES, make_batches, select_frames
from sluice.frames import Frame
from sluice.hashes import frame_hashes
from sluice.limits import BATCH_BYTES_MAX, BATCH_MATCHES_MAX, BATCH_ROWS_MAX
from sluice.probabilities import SampledFrames
from sluice.scoring import Scorer, Scores
from sluice.state import Campaign, SpaceState
from sluice.tensors import Embeddings, unpack
from sluice.v1 import ingest_pb2

# Few values, so that scores are often equal to each other and to a threshold.
SCORES = arrays(
    np.float64,
    st.tuples(st.integers(1, 6), st.integers(1, 3)),
    elements=st.sampled_from([0.1, 0.4, 0.5, 0.6, 0.9]),
)
UNUSED_SCORER = cast(Scorer, None)


def sampled(
    scores: Any,
    *,
    ids: Sequence[str] = (),
    thresholds: Sequence[float] = (),
    rows_each: int = 1,
    dimension: int = 2,
) -> SampledFrames:
    """Sampled frames with these scores."""
    scores = np.asarray(scores, np.float64)
    count, columns = scores.shape
    campaigns = tuple(
        Campaign(f"projects/p/campaigns/c{index}", "projects/p/issues/i", 1, "d", threshold)
        for index, threshold in enumerate(thresholds or [0.5] * columns)
    )
    frame_of_row = np.repeat(np.arange(count), rows_each)
    vectors = np.repeat(frame_of_row[:, None], dimension, axis=1).astype("f4")
    labels = [f"l{index % rows_each}" for index in range(len(vectors))]
    return SampledFrames(
        SpaceState("projects/p", "m", dimension, campaigns, UNUSED_SCORER),
        [Frame(id=frame_id) for frame_id in ids or [f"f{index}" for index in range(count)]],
        Embeddings("m", vectors, frame_of_row, labels),
        Scores(scores, scores.astype("f4"), np.zeros(scores.shape, np.intp)),
    )


def hashes(batch: ingest_pb2.SubmitBatch) -> list[int]:
    """The hashes of the frames seen in a batch."""
    return list(np.frombuffer(batch.seen_hashes, "<u8").tolist())


def test_thresholds_are_each_campaigns_own_but_for_an_override() -> None:
    """A score at its threshold passes."""
    scored = sampled([[0.5, 0.5], [0.6, 0.8]], thresholds=[0.5, 0.8])
    [selection] = select_frames([scored], None, None)
    assert (
        [[True, False], [True, True]] == selection.passing.tolist() == selection.selected.tolist()
    )
    [selection] = select_frames([scored], 0.6, None)
    assert [[False, False], [True, True]] == selection.passing.tolist()


@given(st.lists(SCORES, max_size=3), st.integers(0, 8))
def test_a_target_keeps_the_best_each_for_its_best_campaign(
    parts: list[np.ndarray[Any, np.dtype[np.float64]]], count: int
) -> None:
    """The target count is kept, or all that pass; no rejected score is over a kept one."""
    selections = select_frames([sampled(scores) for scores in parts], None, count)
    kept, rejected = [], []
    for selection, scores in zip(selections, parts, strict=True):
        assert not (selection.selected & ~selection.passing).any()
        for frame, best in enumerate(scores.max(axis=1)):
            columns = np.flatnonzero(selection.selected[frame])
            if len(columns):
                assert 1 == len(columns)
                assert best == scores[frame, columns[0]]
                kept.append(best)
            elif best >= 0.5:
                rejected.append(best)
    assert min(count, len(kept) + len(rejected)) == len(kept)
    assert max(rejected, default=0) <= min(kept, default=1)


@given(SCORES, st.none() | st.integers(0, 4))
def test_batches_account_for_every_score(
    scores: np.ndarray[Any, np.dtype[np.float64]], count: int | None
) -> None:
    """Passing scores that are not submitted are counted as not selected."""
    [selection] = select_frames([sampled(scores)], None, count)
    [batch] = make_batches(selection)
    matches = [score.tally_index for match in batch.matches for score in match.scores]
    for column, tally in enumerate(batch.tallies):
        passing = int((scores[:, column] >= 0.5).sum())
        assert (len(scores), passing) == (
            tally.count,
            tally.not_selected + matches.count(column),
        )


def test_batches_are_full_and_have_no_duplicate_frames() -> None:
    """A frame sampled twice in one call is counted twice, in two batches."""
    ids = [f"f{index}" for index in range(BATCH_FRAMES + 10)]
    ids.insert(5, "f0")
    [selection] = select_frames([sampled(np.full((len(ids), 1), 0.9), ids=ids)], None, None)
    batches = list(make_batches(selection))
    assert [5, BATCH_FRAMES, 6] == [len(hashes(batch)) for batch in batches]
    assert frame_hashes(ids).tolist() == [seen for batch in batches for seen in hashes(batch)]
    assert ids == [match.frame.id for batch in batches for match in batch.matches]


def test_matches_keep_their_own_vectors() -> None:
    """A batch has the vectors of its matches, and no others."""
    [selection] = select_frames([sampled([[0.9], [0.1], [0.7]], rows_each=2)], None, None)
    [batch] = make_batches(selection)
    assert ["f0", "f2"] == [match.frame.id for match in batch.matches]
    assert [0, 0, 2, 2] == unpack(batch.embeddings.tensor, "e")[:, 0].tolist()
    assert [0, 0, 1, 1] == list(batch.embeddings.frame_indices)
    assert ["l0", "l1"] * 2 == list(batch.embeddings.label_ids)


@pytest.mark.parametrize(
    ("columns", "options"),
    [
        pytest.param(1, {"rows_each": 17}, id="rows"),
        pytest.param(65, {}, id="matches"),
        pytest.param(1, {"dimension": 8_192}, id="bytes"),
    ],
)
def test_batches_keep_the_limits(columns: int, options: dict[str, int]) -> None:
    """A batch over a size limit is split, and nothing is lost."""
    scored = sampled(np.full((BATCH_FRAMES, columns), 0.9), **options)  # type: ignore[arg-type]
    batches = list(make_batches(*select_frames([scored], None, None)))
    assert 2 == len(batches)
    for batch in batches:
        assert batch.ByteSize() <= BATCH_BYTES_MAX
        assert len(batch.embeddings.label_ids) <= BATCH_ROWS_MAX
        assert sum(len(match.scores) for match in batch.matches) <= BATCH_MATCHES_MAX
    submitted = [match.frame.id for batch in batches for match in batch.matches]
    assert [frame.id for frame in scored.frames] == submitted


def test_without_samples_nothing_is_selected() -> None:
    """No samples give no selections."""
    assert [] == select_frames([], None, 3)
