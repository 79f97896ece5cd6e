"""StreamScores: batch after batch, over bad ones and new versions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from sluice.v1 import campaign_pb2
from sluice.v1 import scorer_pb2 as pb
from tests.rpc.scorer.conftest import World, anywhere, matrix, near
from tests.score_comparison import assert_equal_scores


class Stream:
    """An open StreamScores call."""

    def __init__(self, world: World, call: Any) -> None:
        self._world = world
        self._call = call
        self._sent = 0

    async def send(self, batch: pb.ScoreFramesRequest) -> int:
        """Send a batch; its number."""
        self._sent += 1
        await self._call.write(pb.StreamScoresRequest(batch_id=self._sent, batch=batch))
        return self._sent

    async def answer(self) -> pb.StreamScoresResponse:
        """The next answer."""
        answer: pb.StreamScoresResponse = await asyncio.wait_for(self._call.read(), 30)
        return answer

    async def score(self, frames: NDArray[np.float32]) -> pb.ScoreFramesResponse:
        """The scores of frames sent as one batch."""
        number = await self.send(self._world.batch(frames))
        answer = await self.answer()
        assert (number, "scores") == (answer.batch_id, answer.WhichOneof("outcome"))
        return answer.scores


@asynccontextmanager
async def streaming(world: World) -> AsyncIterator[Stream]:
    """An open stream, which ends well."""
    call = world.scorer.StreamScores()
    yield Stream(world, call)
    await call.done_writing()
    assert grpc.StatusCode.OK == await call.code()


@pytest.fixture
async def stream(world: World) -> AsyncIterator[Stream]:
    """An open stream."""
    async with streaming(world) as stream:
        yield stream


async def test_batches_are_answered_in_turn(world: World, stream: Stream) -> None:
    """Batches sent ahead are answered in their order, each as ScoreFrames would."""
    await world.campaign(near(0, 10))
    batches = [anywhere(5, seed=seed) for seed in range(20)]
    numbers = [await stream.send(world.batch(frames)) for frames in batches]
    answers = [await stream.answer() for _ in batches]

    assert numbers == [answer.batch_id for answer in answers]
    for frames, answer in zip(batches, answers, strict=True):
        assert_equal_scores(await world.score(frames), answer.scores)


async def test_a_bad_batch_does_not_end_the_stream(world: World, stream: Stream) -> None:
    """A bad batch is answered with its status and details; the batches around it are scored."""
    await world.campaign(near(0, 10))
    nan = anywhere(3)
    nan[1] = np.nan
    unknown = "projects/p/campaigns/none"
    short = world.batch(anywhere(3))
    short.embeddings.tensor.data = short.embeddings.tensor.data[:-1]
    nowhere = world.batch(anywhere(3))
    nowhere.parent = ""
    wrong = [
        world.batch(nan),
        world.batch(anywhere(3), unknown),
        short,
        nowhere,
        pb.ScoreFramesRequest(),
    ]
    codes = [3, 5, 3, 3, 3]
    for code, batch in zip(codes, wrong, strict=True):
        assert 3 == (await stream.score(anywhere(3))).frame_count
        number = await stream.send(batch)
        answer = await stream.answer()
        assert (number, "error") == (answer.batch_id, answer.WhichOneof("outcome"))
        assert code == answer.error.code
        assert answer.error.message
        assert answer.error.details[0].type_url.endswith("google.rpc.ErrorInfo")

    assert 3 == (await stream.score(anywhere(3))).frame_count


async def test_a_commit_is_seen_within_a_second(world: World, stream: Stream) -> None:
    """A stream scores by a new version a second after its commit at the latest, losing no frame."""
    campaign = await world.campaign(near(0, 10))
    assert [1] == [v.version for v in (await stream.score(anywhere(3))).versions]
    await world.add(campaign.issue, near(1, 10), at=10)
    committing = asyncio.create_task(world.commit(campaign.name))
    versions: list[int] = []
    while not committing.done():
        versions += [v.version for v in (await stream.score(anywhere(30))).versions]
    committed = await committing
    deadline = asyncio.get_running_loop().time() + 1
    while asyncio.get_running_loop().time() < deadline:
        versions += [v.version for v in (await stream.score(anywhere(30))).versions]

    response = await stream.score(near(1, 10, seed=3))
    assert [(2, committed.model_digest)] == [
        (version.version, version.model_digest) for version in response.versions
    ]
    assert matrix(response).mean() > 0.5
    assert sorted(versions) == versions
    assert {1, 2} == {*versions}


async def test_the_first_campaign_is_seen(world: World, stream: Stream) -> None:
    """A stream that was opened before there was any campaign scores by the first one."""
    assert [] == list((await stream.score(anywhere(3))).versions)
    campaign = await world.campaign(near(0, 10))
    async with asyncio.timeout(10):
        while not (response := await stream.score(anywhere(3))).versions:
            pass

    assert campaign.name == response.versions[0].campaign


async def test_deactivation_is_seen(world: World, stream: Stream) -> None:
    """A campaign that stops is scored no more, and is again once it goes on."""
    name = (await world.campaign(near(0, 10))).name
    await world.campaigns.DeactivateCampaign(campaign_pb2.DeactivateCampaignRequest(name=name))
    async with asyncio.timeout(10):
        while (await stream.score(anywhere(3))).versions:
            pass
    await world.campaigns.ActivateCampaign(campaign_pb2.ActivateCampaignRequest(name=name))
    async with asyncio.timeout(10):
        while not (await stream.score(anywhere(3))).versions:
            pass


async def test_streams_do_not_disturb_each_other(world: World) -> None:
    """Streams at the same time each get their own answers, in their own order."""
    await world.campaign(near(0, 10))

    async def run(seed: int) -> None:
        frames = [anywhere(20, seed=seed + n) for n in range(10)]
        async with streaming(world) as stream:
            for batch in frames:
                expected = await world.score(batch)
                assert_equal_scores(expected, await stream.score(batch))

    await asyncio.gather(*(run(100 * seed) for seed in range(5)))
