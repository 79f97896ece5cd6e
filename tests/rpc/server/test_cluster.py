"""The services as processes of a cluster: started in any order, without Redis, and stopped."""

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
from tests.rpc.server.processes import (
    NOT_SERVING,
    SERVICES,
    SERVING,
    HealthWatch,
    wait_for_log,
    watch_health,
)


@pytest.fixture(scope="module")
def started_in_reverse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with ingest and scorer started, which wait for Redis, and nothing else."""
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
def cluster(started_in_reverse: Cluster) -> Cluster:
    """The same cluster with all processes running."""
    started_in_reverse.start()
    return started_in_reverse


@asynccontextmanager
async def watch_all(cluster: Cluster) -> AsyncIterator[list[HealthWatch]]:
    """The health of each service, once all of them serve."""
    async with AsyncExitStack() as stack:
        watches = [
            await stack.enter_async_context(watch_health(cluster, name)) for name in SERVICES
        ]
        for watch in watches:
            await watch.wait_for(SERVING)
        yield watches


async def test_processes_start_in_any_order(started_in_reverse: Cluster) -> None:
    """Ingest, scorer, Redis, campaign, Qdrant: each waits for its dependencies, then all work."""
    cluster = started_in_reverse
    cluster.processes["redis"].start()
    for name in ("ingest-0", "scorer-0"):
        cluster.processes[name].wait()
    async with (
        watch_health(cluster, "ingest-0") as ingest,
        watch_health(cluster, "scorer-0") as scorer,
    ):
        await ingest.wait_for(NOT_SERVING)
        await scorer.wait_for(NOT_SERVING)
        cluster.processes["campaign"].start()
        await ingest.wait_for(SERVING)
        await scorer.wait_for(SERVING)
    cluster.processes["qdrant"].start()
    async with connect(cluster.target, cluster.admin_key) as channel:
        await create_project(channel, "p")
        logger = Logger(channel)
        await logger.start_campaign()
        assert [ingest_pb2.VERDICT_PENDING] == (await logger.submit("h1")).verdicts.verdicts
        assert 1 == (await logger.settled()).collected


async def test_no_process_is_healthy_while_redis_hangs(cluster: Cluster) -> None:
    """While Redis does not answer, no process is healthy; afterwards all are again."""
    redis = cluster.processes["redis"]
    async with watch_all(cluster) as watches:
        redis.send(signal.SIGSTOP)
        try:
            for watch in watches:
                await watch.wait_for(NOT_SERVING)
        finally:
            redis.send(signal.SIGCONT)
        for watch in watches:
            await watch.wait_for(SERVING)


async def test_no_process_is_healthy_without_redis(cluster: Cluster) -> None:
    """While Redis is down, no process is healthy; afterwards all are again."""
    redis = cluster.processes["redis"]
    async with watch_all(cluster) as watches:
        redis.kill()
        for watch in watches:
            await watch.wait_for(NOT_SERVING)
        redis.start()
        for watch in watches:
            await watch.wait_for(SERVING)


async def test_active_versions_hold_without_the_campaign_service(cluster: Cluster) -> None:
    """While the campaign service is down, scorer and ingest serve with its last response."""
    async with connect(cluster.target, cluster.admin_key) as channel:
        await create_project(channel, "stays")
        batch = scorer_pb2.ScoreFramesRequest(parent="projects/stays")
        scores = ScorerServiceStub(channel).StreamScores()
        await scores.write(scorer_pb2.StreamScoresRequest(batch_id=1, batch=batch))
        before = await scores.read()
        cluster.processes["campaign"].kill()
        await scores.write(scorer_pb2.StreamScoresRequest(batch_id=1, batch=batch))
        assert before == await scores.read()
        for name in ("ingest-0", "scorer-0"):
            async with watch_health(cluster, name) as watch:
                await watch.wait_for(SERVING)
        cluster.processes["campaign"].start()


async def test_sigterm_drains_each_process(cluster: Cluster) -> None:
    """At SIGTERM every stream ends with UNAVAILABLE and a delay, and each process exits with 0."""
    async with connect(cluster.target, cluster.admin_key) as channel:
        await create_project(channel, "q")
        streams = {
            "scorer-0": await open_scores(channel),
            "ingest-0": await open_session(channel),
            "campaign": await open_watch(channel),
        }
        for name, stream in streams.items():
            stopped = asyncio.create_task(asyncio.to_thread(cluster.processes[name].stop))
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await stream.read()
            error = rpc_errors.from_rpc_error(failed.value)
            assert (errors.Unavailable, True) == (type(error), bool(error.retry_after_s)), name
            assert 0 == await stopped, name
    cluster.start()


async def create_project(channel: grpc.aio.Channel, project: str) -> None:
    """Create a project."""
    request = project_pb2.CreateProjectRequest(project_id=project)
    await ProjectServiceStub(channel).CreateProject(request)


def start_request(project: str) -> ingest_pb2.SubmitRequest:
    """The first message of a new session."""
    start = ingest_pb2.SubmitStart(parent=project, session_id=str(uuid4()), logger="test")
    return ingest_pb2.SubmitRequest(start=start)


async def open_scores(channel: grpc.aio.Channel) -> Any:
    """An open StreamScores call that has responded once."""
    stream = ScorerServiceStub(channel).StreamScores()
    batch = scorer_pb2.ScoreFramesRequest(parent="projects/q")
    await stream.write(scorer_pb2.StreamScoresRequest(batch=batch))
    await stream.read()
    return stream


async def open_session(channel: grpc.aio.Channel) -> Any:
    """An open Submit call that has started its session."""
    stream = IngestServiceStub(channel).Submit()
    await stream.write(start_request("projects/q"))
    await stream.read()
    return stream


async def open_watch(channel: grpc.aio.Channel) -> Any:
    """An open watch that has responded once."""
    request = campaign_pb2.WatchActiveVersionsRequest(parent="projects/q")
    stream = CampaignServiceStub(channel).WatchActiveVersions(request)
    await stream.read()
    return stream
