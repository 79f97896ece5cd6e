"""matches_only: the full response without the scores below their threshold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sluice.tensors import Embeddings
from sluice.v1 import scorer_pb2 as pb
from tests.rpc.scorer.conftest import MODEL_ID, ScoringClient, anywhere, matrix, near

ROWS = 60


@pytest.fixture
async def campaigns(client: ScoringClient) -> list[str]:
    """Three campaigns with thresholds of their own, two of them alike."""
    await client.set_background()
    return [
        (await client.start_campaign(near(axis, 20, seed=seed), threshold=threshold)).name
        for seed, (axis, threshold) in enumerate([(0, None), (0, 0.3), (1, 0.7)])
    ]


def frames(rows: int = ROWS) -> NDArray[np.float32]:
    """Frames, a third of them near the first two campaigns, a third near the third."""
    third = rows // 3
    return np.concatenate([anywhere(third, seed=3), near(0, third, seed=4), near(1, third, seed=5)])


def crops() -> Embeddings:
    """The same vectors as crops, one to three per frame."""
    of_frame = np.repeat(np.arange(ROWS // 2), np.resize([1, 2, 3], ROWS // 2))[:ROWS]
    labels = [f"crop {row}" for row in range(len(of_frame))]
    return Embeddings(MODEL_ID, frames()[: len(of_frame)], of_frame, labels)


def matches_request(
    client: ScoringClient, embeddings: Any, *campaigns: str, **options: Any
) -> pb.ScoreFramesRequest:
    """A request for matches only."""
    batch = client.batch(embeddings, *campaigns, **options)
    batch.matches_only = True
    return batch


def read_matches(matches: pb.FrameMatches) -> list[tuple[int, int, float]]:
    """Frame, version and score of each match."""
    whole = (
        np.frombuffer(part, "<u4") for part in (matches.frame_indices, matches.version_indices)
    )
    scores = np.frombuffer(matches.scores, "<f8")
    return [*zip(*(part.tolist() for part in whole), scores.tolist(), strict=True)]


def expected_matches(full: pb.ScoreFramesResponse) -> list[tuple[int, int, float]]:
    """Frame, version and score of each score that reaches its threshold."""
    scores = matrix(full)
    return [
        (frame, column, scores[frame, column]) for frame, column in match_indices(full).tolist()
    ]


def match_indices(full: pb.ScoreFramesResponse) -> NDArray[np.intp]:
    """The frame and version indices of scores that reach their threshold, `(matches, 2)`."""
    return np.argwhere(matrix(full) >= [version.threshold for version in full.versions])


@pytest.mark.parametrize("subset", [False, True])
@pytest.mark.parametrize("embeddings", [frames(), crops()], ids=["frames", "crops"])
async def test_matches_are_those_of_the_full_response(
    client: ScoringClient, campaigns: list[str], embeddings: Any, subset: bool
) -> None:
    """They are exactly the scores that reach their thresholds, with the same bits and rows."""
    names = campaigns[:0:-1] if subset else []
    full = await client.score(embeddings, *names)
    only = await client.scorer.ScoreFrames(matches_request(client, embeddings, *names))

    assert expected_matches(full) == read_matches(only.matches)
    assert 10 < len(expected_matches(full)) < full.frame_count * len(full.versions) / 2
    assert (full.frame_count, full.versions) == (only.frame_count, only.versions)
    assert (b"", b"") == (only.scores, only.scored_rows)
    assert not full.HasField("matches")
    rows = np.frombuffer(full.scored_rows, "<u4")
    if rows.size:
        rows = rows.reshape(matrix(full).shape)[tuple(match_indices(full).T)]
    assert rows.tolist() == np.frombuffer(only.matches.scored_rows, "<u4").tolist()


async def test_matches_are_explained_alike(client: ScoringClient, campaigns: list[str]) -> None:
    """Explanations are those of the full response, except for the runner-up: the next match."""
    full = await client.score(crops())
    only = await client.scorer.ScoreFrames(matches_request(client, crops()))
    of_frame: dict[int, list[tuple[float, str]]] = {}
    for frame, column, score in expected_matches(full):
        of_frame.setdefault(frame, []).append((score, full.versions[column].campaign))
    for expected in full.explanations:
        own = full.versions[expected.version_index].campaign
        scores = of_frame[expected.frame_index]
        rivals = [rival for rival in scores if rival[1] != own]
        score, rival = max(rivals, default=(0.0, ""))
        [own_score] = [score for score, campaign in scores if campaign == own]
        expected.explanation.runner_up = rival
        expected.explanation.margin_to_runner_up = own_score - score if rival else 0

    assert list(full.explanations) == list(only.explanations)
    assert {True, False} == {bool(e.explanation.runner_up) for e in only.explanations}


async def test_matches_need_no_explanation(client: ScoringClient, campaigns: list[str]) -> None:
    """Explanations of matches can be omitted."""
    request = matches_request(client, frames(), explain=pb.EXPLAIN_MODE_NONE)
    only = await client.scorer.ScoreFrames(request)

    assert expected_matches(await client.score(frames())) == read_matches(only.matches)
    assert [] == list(only.explanations)


@pytest.mark.parametrize("count", [0, 3])
async def test_no_match_is_an_empty_field(
    client: ScoringClient, campaigns: list[str], count: int
) -> None:
    """If nothing matches, or the batch is empty, `matches` is set and empty."""
    only = await client.scorer.ScoreFrames(
        matches_request(client, -near(0, 3)[:count], campaigns[0])
    )

    assert (count, pb.FrameMatches()) == (only.frame_count, only.matches)
    assert only.HasField("matches")


async def test_a_stream_may_mix_both_kinds(client: ScoringClient, campaigns: list[str]) -> None:
    """Each batch of a stream gets the kind of response that it requests."""
    batches = [client.batch(frames()), matches_request(client, frames())] * 5
    requests = (pb.StreamScoresRequest(batch=batch) for batch in batches)
    responses = [response.scores async for response in client.scorer.StreamScores(requests)]

    expected = expected_matches(await client.score(frames()))
    assert [False, True] * 5 == [response.HasField("matches") for response in responses]
    for full, only in zip(responses[::2], responses[1::2], strict=True):
        for actual in (expected_matches(full), read_matches(only.matches)):
            assert [match[:2] for match in expected] == [match[:2] for match in actual]
            assert [match[2] for match in expected] == pytest.approx([match[2] for match in actual])
