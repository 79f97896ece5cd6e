"""StreamScores: batch after batch, with invalid ones and new versions in between."""

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
from tests.rpc.scorer.conftest import ScoringClient, anywhere, matrix, near
from tests.score_comparison import assert_equal_scores


class Stream:
    """An open StreamScores call."""

    def __init__(self, client: ScoringClient, call: Any) -> None:
        self._world = client
        self._call = call
        self._sent = 0

    async def send(self, batch: pb.ScoreFramesRequest) -> int:
        """Send a batch; returns its number."""
        self._sent += 1
        await self._call.write(pb.StreamScoresRequest(batch_id=self._sent, batch=batch))
        return self._sent

    async def receive(self) -> pb.StreamScoresResponse:
        """Receive the next response."""
        response: pb.StreamScoresResponse = await asyncio.wait_for(self._call.read(), 30)
        return response

    async def score(self, frames: NDArray[np.float32]) -> pb.ScoreFramesResponse:
        """The scores of frames sent as one batch."""
        number = await self.send(self._world.batch(frames))
        response = await self.receive()
        assert (number, "scores") == (response.batch_id, response.WhichOneof("outcome"))
        return response.scores


@asynccontextmanager
async def streaming(client: ScoringClient) -> AsyncIterator[Stream]:
    """An open stream, which must end with OK."""
    call = client.scorer.StreamScores()
    yield Stream(client, call)
    await call.done_writing()
    assert grpc.StatusCode.OK == await call.code()


@pytest.fixture
async def stream(client: ScoringClient) -> AsyncIterator[Stream]:
    """An open stream."""
    async with streaming(client) as stream:
        yield stream


async def test_batches_get_their_responses_in_order(client: ScoringClient, stream: Stream) -> None:
    """Batches sent ahead get their responses in order, with the scores of ScoreFrames."""
    await client.start_campaign(near(0, 10))
    batches = [anywhere(5, seed=seed) for seed in range(20)]
    numbers = [await stream.send(client.batch(frames)) for frames in batches]
    responses = [await stream.receive() for _ in batches]

    assert numbers == [response.batch_id for response in responses]
    for frames, response in zip(batches, responses, strict=True):
        assert_equal_scores(await client.score(frames), response.scores)


async def test_a_bad_batch_does_not_end_the_stream(client: ScoringClient, stream: Stream) -> None:
    """An invalid batch gets its status with details; the batches around it are scored."""
    await client.start_campaign(near(0, 10))
    nan = anywhere(3)
    nan[1] = np.nan
    unknown = "projects/p/campaigns/none"
    short = client.batch(anywhere(3))
    short.embeddings.tensor.data = short.embeddings.tensor.data[:-1]
    nowhere = client.batch(anywhere(3))
    nowhere.parent = ""
    wrong = [
        client.batch(nan),
        client.batch(anywhere(3), unknown),
        short,
        nowhere,
        pb.ScoreFramesRequest(),
    ]
    codes = [3, 5, 3, 3, 3]
    for code, batch in zip(codes, wrong, strict=True):
        assert 3 == (await stream.score(anywhere(3))).frame_count
        number = await stream.send(batch)
        response = await stream.receive()
        assert (number, "error") == (response.batch_id, response.WhichOneof("outcome"))
        assert code == response.error.code
        assert response.error.message
        assert response.error.details[0].type_url.endswith("google.rpc.ErrorInfo")

    assert 3 == (await stream.score(anywhere(3))).frame_count


async def test_a_commit_is_seen_within_a_second(client: ScoringClient, stream: Stream) -> None:
    """A stream uses a new version within a second of its commit, and loses no frame."""
    campaign = await client.start_campaign(near(0, 10))
    assert [1] == [v.version for v in (await stream.score(anywhere(3))).versions]
    await client.add(campaign.issue, near(1, 10), at=10)
    committing = asyncio.create_task(client.commit(campaign.name))
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


async def test_the_first_campaign_is_seen(client: ScoringClient, stream: Stream) -> None:
    """A stream that was opened before the first campaign uses it once it starts."""
    assert [] == list((await stream.score(anywhere(3))).versions)
    campaign = await client.start_campaign(near(0, 10))
    async with asyncio.timeout(10):
        while not (response := await stream.score(anywhere(3))).versions:
            pass

    assert campaign.name == response.versions[0].campaign


async def test_deactivation_is_seen(client: ScoringClient, stream: Stream) -> None:
    """A campaign is not scored while it is inactive, and is again once it is activated."""
    name = (await client.start_campaign(near(0, 10))).name
    await client.campaigns.DeactivateCampaign(campaign_pb2.DeactivateCampaignRequest(name=name))
    async with asyncio.timeout(10):
        while (await stream.score(anywhere(3))).versions:
            pass
    await client.campaigns.ActivateCampaign(campaign_pb2.ActivateCampaignRequest(name=name))
    async with asyncio.timeout(10):
        while not (await stream.score(anywhere(3))).versions:
            pass


async def test_streams_do_not_disturb_each_other(client: ScoringClient) -> None:
    """Concurrent streams each get their own responses, in their own order."""
    await client.start_campaign(near(0, 10))

    async def run(seed: int) -> None:
        frames = [anywhere(20, seed=seed + n) for n in range(10)]
        async with streaming(client) as stream:
            for batch in frames:
                expected = await client.score(batch)
                assert_equal_scores(expected, await stream.score(batch))

    await asyncio.gather(*(run(100 * seed) for seed in range(5)))
