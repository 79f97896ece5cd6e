"""Submit as a logger meets it: numbers, outcomes, interruptions."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import grpc
import numpy as np
import pytest

from services.embedded.process import serve
from services.server.settings import Settings
from sluice import connect, errors, rpc_errors
from sluice.v1 import ingest_pb2, project_pb2
from sluice.v1.project_pb2_grpc import ProjectServiceStub
from tests.rpc.conftest import WithScopes
from tests.rpc.ingest.logger import PROJECT, Logger

PENDING, DUPLICATE = ingest_pb2.VERDICT_PENDING, ingest_pb2.VERDICT_DUPLICATE


async def refusal(call: Any) -> errors.SluiceError:
    """The error that a stream ends with, after it has answered what it was sent."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call.read()
    return rpc_errors.from_rpc_error(raised.value)


@pytest.mark.parametrize(
    ("first", "field"),
    [
        (ingest_pb2.SubmitRequest(), "start.parent"),
        (ingest_pb2.SubmitRequest(batch={"seq": 1}), "start.parent"),
        (
            ingest_pb2.SubmitRequest(start={"parent": PROJECT, "session_id": "mine"}),
            "start.session_id",
        ),
        (
            ingest_pb2.SubmitRequest(
                start={"parent": PROJECT, "session_id": str(uuid4()), "logger": "x" * 257}
            ),
            "start.logger",
        ),
    ],
)
async def test_a_stream_must_begin_with_its_session(
    logger: Logger, first: ingest_pb2.SubmitRequest, field: str
) -> None:
    """A stream that does not say whose it is ends with the field that is missing or wrong."""
    call = logger.ingest.Submit()
    await call.write(first)
    error = await refusal(call)
    assert isinstance(error, errors.InvalidArgument)
    assert field == error.fields[0].field


async def test_a_project_that_does_not_exist(logger: Logger) -> None:
    """A session of an unknown project is refused, naming it."""
    call = logger.ingest.Submit()
    start = {"parent": "projects/nowhere", "session_id": str(uuid4())}
    await call.write(ingest_pb2.SubmitRequest(start=start))
    error = await refusal(call)
    assert isinstance(error, errors.NotFound)
    assert "nowhere" in error.message


async def test_a_key_for_loggers_submits_and_reads_nothing(
    logger: Logger, with_scopes: WithScopes
) -> None:
    """A logger's key may submit, and may not read samples."""
    channel = await with_scopes(project_pb2.SCOPE_LOG)
    device = Logger(channel)
    device.campaign = logger.campaign
    assert [PENDING] == (await device.submit("h1")).verdicts.verdicts
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await device.samples()
    assert isinstance(rpc_errors.from_rpc_error(raised.value), errors.PermissionDenied)


async def test_batches_sent_ahead_are_answered_in_order(logger: Logger) -> None:
    """Eight batches under way are answered by their numbers, each once."""
    batches = [await logger.batch(seq, f"h{seq}", f"x{seq}") for seq in range(1, 9)]
    async with logger.session() as session:
        for batch in batches:
            await session.send(batch)
        results = [await session.result() for _ in batches]
    assert list(range(1, 9)) == [result.seq for result in results]
    assert [[PENDING]] * 8 == [list(result.verdicts.verdicts) for result in results]
    funnel = await logger.settled()
    assert (16, 8) == (funnel.seen, funnel.matches)


async def test_a_bad_batch_is_an_outcome_and_the_stream_goes_on(logger: Logger) -> None:
    """A batch with a vector that is no number is refused for good; the next one counts."""
    bad = await logger.batch(1, "h1", "h2")
    rows = np.frombuffer(bad.embeddings.tensor.data, "<f4").copy()
    rows[-1] = np.nan
    bad.embeddings.tensor.data = rows.tobytes()
    async with logger.session() as session:
        await session.send(bad)
        await session.send(await logger.batch(2, "h1"))
        refused, accepted = await session.result(), await session.result()
        await session.send(bad)
        again = await session.result()
    error = rpc_errors.from_status(refused.error)
    assert ("INVALID_EMBEDDING", "1") == (error.reason, error.metadata["rows"])
    assert [PENDING] == accepted.verdicts.verdicts
    assert refused == again
    assert 1 == (await logger.funnel()).seen


async def test_a_gap_and_other_content_are_refused_without_a_trace(logger: Logger) -> None:
    """A skipped number and a number used twice are told apart, and count nothing."""
    async with logger.session() as session:
        await session.send(await logger.batch(2, "h1"))
        gap = rpc_errors.from_status((await session.result()).error)
        await session.send(await logger.batch(1, "h1"))
        await session.result()
        await session.send(await logger.batch(1, "h2"))
        differs = rpc_errors.from_status((await session.result()).error)
    assert isinstance(gap, errors.SequenceGap)
    assert 1 == gap.expected_seq
    assert (errors.Aborted, "REPLAY_DIFFERS") == (type(differs), differs.reason)
    assert 1 == (await logger.funnel()).seen


async def test_a_session_goes_on_after_an_interruption(logger: Logger) -> None:
    """A session that comes back learns which batch is next; what it repeats counts once."""
    name = str(uuid4())
    first = await logger.batch(1, "h1", "x1")
    async with logger.session(name) as session:
        await session.send(first)
        before = await session.result()
    async with logger.session(name, next_seq=2) as session:
        await session.send(first)
        again = await session.result()
    assert before == again
    assert 2 == (await logger.funnel()).seen


async def test_a_server_that_stops_keeps_what_it_acknowledged(settings: Settings) -> None:
    """Streams are told to come back; after the restart every acknowledged frame is there."""
    name = str(uuid4())
    async with AsyncExitStack() as serving:
        server = await serving.enter_async_context(serve(settings))
        async with connect(server.target, server.admin_key) as channel:
            logger = Logger(channel)
            await create_project(channel)
            await logger.start_campaign()
            async with logger.session(name) as session:
                await session.send(await logger.batch(1, "h1", "h2", "x1"))
                await session.result()
                await serving.aclose()
                error = await refusal(session.call)
    assert isinstance(error, errors.Unavailable)
    assert error.retry_after_s is not None
    async with serve(settings) as server, connect(server.target, server.admin_key) as channel:
        campaign, logger = logger.campaign, Logger(channel)
        logger.campaign = campaign
        async with logger.session(name, next_seq=2):
            funnel = await logger.settled()
        found = {sample.frame.id for sample in (await logger.samples()).samples}
    assert (3, 2) == (funnel.seen, funnel.collected)
    assert {"h1", "h2"} == found


async def create_project(channel: grpc.aio.Channel) -> None:
    """Create the project `p`."""
    request = project_pb2.CreateProjectRequest(project_id="p")
    await ProjectServiceStub(channel).CreateProject(request)
