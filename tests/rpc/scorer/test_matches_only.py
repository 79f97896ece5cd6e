"""Only matches wanted: the full answer without what is below its threshold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sluice.tensors import Embeddings
from sluice.v1 import scorer_pb2 as pb
from tests.rpc.scorer.conftest import MODEL_ID, World, anywhere, matrix, near

ROWS = 60


@pytest.fixture
async def campaigns(world: World) -> list[str]:
    """Three campaigns with thresholds of their own, two of them alike."""
    await world.set_background()
    return [
        (await world.campaign(near(axis, 20, seed=seed), threshold=threshold)).name
        for seed, (axis, threshold) in enumerate([(0, None), (0, 0.3), (1, 0.7)])
    ]


def frames(rows: int = ROWS) -> NDArray[np.float32]:
    """Frames, a third of them like the first two campaigns, a third like the third."""
    third = rows // 3
    return np.concatenate([anywhere(third, seed=3), near(0, third, seed=4), near(1, third, seed=5)])


def crops() -> Embeddings:
    """The same in frames of one to three crops."""
    of_frame = np.repeat(np.arange(ROWS // 2), np.resize([1, 2, 3], ROWS // 2))[:ROWS]
    labels = [f"crop {row}" for row in range(len(of_frame))]
    return Embeddings(MODEL_ID, frames()[: len(of_frame)], of_frame, labels)


def asking(world: World, embeddings: Any, *campaigns: str, **wanted: Any) -> pb.ScoreFramesRequest:
    """A batch of which only matches are wanted."""
    batch = world.batch(embeddings, *campaigns, **wanted)
    batch.matches_only = True
    return batch


def columns(matches: pb.FrameMatches) -> list[tuple[int, int, float]]:
    """Frame, version and score of each match."""
    whole = (
        np.frombuffer(part, "<u4") for part in (matches.frame_indices, matches.version_indices)
    )
    scores = np.frombuffer(matches.scores, "<f8")
    return [*zip(*(part.tolist() for part in whole), scores.tolist(), strict=True)]


def passing(full: pb.ScoreFramesResponse) -> list[tuple[int, int, float]]:
    """Frame, version and score of each score that reaches its threshold."""
    scores = matrix(full)
    return [(frame, column, scores[frame, column]) for frame, column in reached(full).tolist()]


def reached(full: pb.ScoreFramesResponse) -> NDArray[np.intp]:
    """Where scores reach their threshold, `(matches, 2)`."""
    return np.argwhere(matrix(full) >= [version.threshold for version in full.versions])


@pytest.mark.parametrize("subset", [False, True])
@pytest.mark.parametrize("embeddings", [frames(), crops()], ids=["frames", "crops"])
async def test_matches_are_the_full_answers(
    world: World, campaigns: list[str], embeddings: Any, subset: bool
) -> None:
    """They are the scores that reach their thresholds, to the bit, with their rows; no others."""
    asked = campaigns[:0:-1] if subset else []
    full = await world.score(embeddings, *asked)
    only = await world.scorer.ScoreFrames(asking(world, embeddings, *asked))

    assert passing(full) == columns(only.matches)
    assert 10 < len(passing(full)) < full.frame_count * len(full.versions) / 2
    assert (full.frame_count, full.versions) == (only.frame_count, only.versions)
    assert (b"", b"") == (only.scores, only.scored_rows)
    assert not full.HasField("matches")
    rows = np.frombuffer(full.scored_rows, "<u4")
    if rows.size:
        rows = rows.reshape(matrix(full).shape)[tuple(reached(full).T)]
    assert rows.tolist() == np.frombuffer(only.matches.scored_rows, "<u4").tolist()


async def test_matches_are_explained_alike(world: World, campaigns: list[str]) -> None:
    """An explanation is that of the full answer, but for the runner-up: the next best match."""
    full = await world.score(crops())
    only = await world.scorer.ScoreFrames(asking(world, crops()))
    of_frame: dict[int, list[tuple[float, str]]] = {}
    for frame, column, score in passing(full):
        of_frame.setdefault(frame, []).append((score, full.versions[column].campaign))
    for expected in full.explanations:
        own = full.versions[expected.version_index].campaign
        found = of_frame[expected.frame_index]
        rivals = [rival for rival in found if rival[1] != own]
        score, rival = max(rivals, default=(0.0, ""))
        [own_score] = [score for score, campaign in found if campaign == own]
        expected.explanation.runner_up = rival
        expected.explanation.margin_to_runner_up = own_score - score if rival else 0

    assert list(full.explanations) == list(only.explanations)
    assert {True, False} == {bool(e.explanation.runner_up) for e in only.explanations}


async def test_matches_need_no_explanation(world: World, campaigns: list[str]) -> None:
    """Matches come without explanations when none are wanted."""
    wanted = asking(world, frames(), explain=pb.EXPLAIN_MODE_NONE)
    only = await world.scorer.ScoreFrames(wanted)

    assert passing(await world.score(frames())) == columns(only.matches)
    assert [] == list(only.explanations)


@pytest.mark.parametrize("count", [0, 3])
async def test_no_match_is_an_answer(world: World, campaigns: list[str], count: int) -> None:
    """Where nothing matches, or there is nothing, `matches` is there and empty."""
    only = await world.scorer.ScoreFrames(asking(world, -near(0, 3)[:count], campaigns[0]))

    assert (count, pb.FrameMatches()) == (only.frame_count, only.matches)
    assert only.HasField("matches")


async def test_a_stream_may_ask_for_either(world: World, campaigns: list[str]) -> None:
    """Batches of one stream are answered in the way that each asks for."""
    batches = [world.batch(frames()), asking(world, frames())] * 5
    requests = (pb.StreamScoresRequest(batch=batch) for batch in batches)
    answers = [answer.scores async for answer in world.scorer.StreamScores(requests)]

    expected = passing(await world.score(frames()))
    assert [False, True] * 5 == [answer.HasField("matches") for answer in answers]
    for full, only in zip(answers[::2], answers[1::2], strict=True):
        for found in (passing(full), columns(only.matches)):
            assert [match[:2] for match in expected] == [match[:2] for match in found]
            assert [match[2] for match in expected] == pytest.approx([match[2] for match in found])
