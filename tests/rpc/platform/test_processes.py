"""The services as processes of their own: started in any order, without Redis, and ended."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

import grpc
import pytest

from deploy.local.cluster import Cluster
from sluice import errors, rpc_errors
from sluice.channel import connect
from sluice.v1 import campaign_pb2, ingest_pb2, project_pb2, scorer_pb2
from sluice.v1.campaign_pb2_grpc import CampaignServiceStub
from sluice.v1.ingest_pb2_grpc import IngestServiceStub
from sluice.v1.project_pb2_grpc import ProjectServiceStub
from sluice.v1.scorer_pb2_grpc import ScorerServiceStub
from tests.rpc.ingest.logger import Logger
from tests.rpc.platform.processes import (
    NOT_SERVING,
    SERVICES,
    SERVING,
    Health,
    health,
    wait_for_log,
)


@pytest.fixture(scope="module")
def started_backwards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of which nothing runs yet but what waits for Redis."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), settings={"grace_s": "3"})
    try:
        for name in ("ingest-0", "scorer-0"):
            cluster.processes[name].launch()
        for name in ("ingest-0", "scorer-0"):
            wait_for_log(cluster.processes[name].log, "start.waiting")
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def cluster(started_backwards: Cluster) -> Cluster:
    """The same cluster, all of which runs."""
    started_backwards.start()
    return started_backwards


@asynccontextmanager
async def healths(cluster: Cluster) -> AsyncIterator[list[Health]]:
    """The health of each service, all of which serve."""
    async with AsyncExitStack() as stack:
        each = [await stack.enter_async_context(health(cluster, name)) for name in SERVICES]
        for one in each:
            await one.until(SERVING)
        yield each


async def test_any_may_start_first(started_backwards: Cluster) -> None:
    """Ingest, scorer, Redis, campaign, Qdrant: each waits for what it needs, then all work."""
    cluster = started_backwards
    cluster.processes["redis"].start()
    for name in ("ingest-0", "scorer-0"):
        cluster.processes[name].wait()
    async with health(cluster, "ingest-0") as ingest, health(cluster, "scorer-0") as scorer:
        await ingest.until(NOT_SERVING)
        await scorer.until(NOT_SERVING)
        cluster.processes["campaign"].start()
        await ingest.until(SERVING)
        await scorer.until(SERVING)
    cluster.processes["qdrant"].start()
    async with connect(cluster.target, cluster.admin_key) as channel:
        await make_project(channel, "p")
        logger = Logger(channel)
        await logger.start_campaign()
        assert [ingest_pb2.VERDICT_PENDING] == (await logger.submit("h1")).verdicts.verdicts
        assert 1 == (await logger.settled()).collected


async def test_without_an_answer_of_redis_none_is_healthy(cluster: Cluster) -> None:
    """While Redis is silent each process says that it cannot work, and that it can afterwards."""
    redis = cluster.processes["redis"]
    async with healths(cluster) as each:
        redis.send(signal.SIGSTOP)
        try:
            for one in each:
                await one.until(NOT_SERVING)
        finally:
            redis.send(signal.SIGCONT)
        for one in each:
            await one.until(SERVING)


async def test_without_redis_none_is_healthy(cluster: Cluster) -> None:
    """While Redis is gone each process says that it cannot work, and that it can afterwards."""
    redis = cluster.processes["redis"]
    async with healths(cluster) as each:
        redis.kill()
        for one in each:
            await one.until(NOT_SERVING)
        redis.start()
        for one in each:
            await one.until(SERVING)


async def test_what_the_campaign_service_said_holds_without_it(cluster: Cluster) -> None:
    """Scorer and ingest stay healthy while the campaign service is away, and go on by its word."""
    async with connect(cluster.target, cluster.admin_key) as channel:
        await make_project(channel, "stays")
        batch = scorer_pb2.ScoreFramesRequest(parent="projects/stays")
        scores = ScorerServiceStub(channel).StreamScores()
        await scores.write(scorer_pb2.StreamScoresRequest(batch_id=1, batch=batch))
        before = await scores.read()
        cluster.processes["campaign"].kill()
        await scores.write(scorer_pb2.StreamScoresRequest(batch_id=1, batch=batch))
        assert before == await scores.read()
        for name in ("ingest-0", "scorer-0"):
            async with health(cluster, name) as one:
                await one.until(SERVING)
        cluster.processes["campaign"].start()


async def test_sigterm_drains_each_process(cluster: Cluster) -> None:
    """At SIGTERM every stream hears UNAVAILABLE with a delay, and each process ends well."""
    async with connect(cluster.target, cluster.admin_key) as channel:
        await make_project(channel, "q")
        streams = {
            "scorer-0": await scoring(channel),
            "ingest-0": await submitting(channel),
            "campaign": await watching(channel),
        }
        for name, stream in streams.items():
            stopped = asyncio.create_task(asyncio.to_thread(cluster.processes[name].stop))
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await stream.read()
            error = rpc_errors.from_rpc_error(failed.value)
            assert (errors.Unavailable, True) == (type(error), bool(error.retry_after_s)), name
            assert 0 == await stopped, name
    cluster.start()


async def make_project(channel: grpc.aio.Channel, project: str) -> None:
    """Create a project."""
    request = project_pb2.CreateProjectRequest(project_id=project)
    await ProjectServiceStub(channel).CreateProject(request)


def start_of(project: str) -> ingest_pb2.SubmitRequest:
    """The first message of a new session."""
    start = ingest_pb2.SubmitStart(parent=project, session_id=str(uuid4()), logger="test")
    return ingest_pb2.SubmitRequest(start=start)


async def scoring(channel: grpc.aio.Channel) -> Any:
    """An open stream of scores that has answered."""
    stream = ScorerServiceStub(channel).StreamScores()
    batch = scorer_pb2.ScoreFramesRequest(parent="projects/q")
    await stream.write(scorer_pb2.StreamScoresRequest(batch=batch))
    await stream.read()
    return stream


async def submitting(channel: grpc.aio.Channel) -> Any:
    """An open session."""
    stream = IngestServiceStub(channel).Submit()
    await stream.write(start_of("projects/q"))
    await stream.read()
    return stream


async def watching(channel: grpc.aio.Channel) -> Any:
    """An open watch that has answered."""
    request = campaign_pb2.WatchActiveVersionsRequest(parent="projects/q")
    stream = CampaignServiceStub(channel).WatchActiveVersions(request)
    await stream.read()
    return stream
