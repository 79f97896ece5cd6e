"""An acknowledged batch is on the disk: seen in system calls, and after kill -9."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest

from sluice.channel import connect
from sluice.v1 import ingest_pb2, project_pb2
from sluice.v1.project_pb2_grpc import ProjectServiceStub
from tests.e2e.sluiced import Sluiced
from tests.faults.system_calls import (
    SQLITE_LOG,
    AcknowledgedBatch,
    check_strace,
    not_flushed,
    traced,
)
from tests.rpc.ingest.logger import PATIENCE_S, PROJECT, Logger

UNSAFE = (str(Path(__file__).with_name("unsafe_sluiced.py")),)
SAFE = ("-m", "services.embedded")
TRACED = 12
FRAMES, MATCHES = 10, 2
BATCHES, KILLS, ROUND_MAX, IN_FLIGHT = 400, 10, 25, 8


@dataclass(frozen=True, slots=True)
class Setting:
    """A server with a campaign, and its logger."""

    server: Sluiced
    logger: Logger


@asynccontextmanager
async def channel_to(server: Sluiced) -> AsyncIterator[grpc.aio.Channel]:
    """A channel with the admin's key."""
    async with connect(server.target, server.admin_key) as channel:
        yield channel


@asynccontextmanager
async def campaign_on(folder: Path, program: tuple[str, ...]) -> AsyncIterator[Setting]:
    """A server of that program, stopped in the end, and the logger of a campaign on it."""
    server = Sluiced(folder, program)
    server.start()
    try:
        async with channel_to(server) as channel:
            await ProjectServiceStub(channel).CreateProject(
                project_pb2.CreateProjectRequest(project_id="p")
            )
            logger = Logger(channel)
            await logger.start_campaign()
            yield Setting(server, logger)
    finally:
        server.stop()


async def unsafe_answers(folder: Path, program: tuple[str, ...]) -> list[int]:
    """The numbers of batches that a server of that program answers before its log is flushed."""
    check_strace()
    trace = folder / "trace"
    async with campaign_on(folder, program) as setting:
        logger = setting.logger
        names = [f"hard-{seq:03}" for seq in range(1, TRACED + 1)]
        batches = [await logger.batch(seq, name) for seq, name in enumerate(names, 1)]
        acknowledged = []
        with traced(setting.server.pid, to=trace):
            async with logger.session() as session:
                for name, batch in zip(names, batches, strict=True):
                    await session.send(batch)
                    result = await session.result()
                    assert [ingest_pb2.VERDICT_PENDING] == result.verdicts.verdicts
                    response = ingest_pb2.SubmitResponse(result=result)
                    acknowledged.append(AcknowledgedBatch(batch.seq, name, response))
    return not_flushed(trace, acknowledged, SQLITE_LOG)


async def test_the_log_is_flushed_before_each_acknowledgement(tmp_path: Path) -> None:
    """Between arrival and answer of every batch the log is written, then synced to the disk."""
    assert [] == await unsafe_answers(tmp_path, SAFE)


async def test_without_flushing_no_acknowledgement_passes(tmp_path: Path) -> None:
    """With `synchronous=OFF` the same trace shows every batch answered too early."""
    assert list(range(1, TRACED + 1)) == await unsafe_answers(tmp_path, UNSAFE)


@dataclass(slots=True)
class Submission:
    """One session that outlives its server; what was acknowledged, and what is to be sent."""

    batches: list[ingest_pb2.SubmitBatch]
    session_id: str = field(default_factory=lambda: str(uuid4()))
    acknowledged: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, logger: Logger, until: int) -> None:
        """Submit from where the server stands; say when so many are acknowledged."""
        self.reached.clear()
        call = logger.ingest.Submit()
        start = ingest_pb2.SubmitStart(parent=PROJECT, session_id=self.session_id, logger="test")
        await call.write(ingest_pb2.SubmitRequest(start=start))
        stands = (await self._read(call)).started.next_seq - 1
        # What was acknowledged is there; what was sent and not answered may be.
        assert self.acknowledged <= stands <= self.acknowledged + IN_FLIGHT
        self.acknowledged = stands
        room = asyncio.Semaphore(IN_FLIGHT)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._write(call, room, self.batches[stands:]))
            for _ in self.batches[stands:]:
                result = (await self._read(call)).result
                assert (self.acknowledged + 1, "verdicts") == (
                    result.seq,
                    result.WhichOneof("outcome"),
                )
                self.acknowledged = result.seq
                room.release()
                if self.acknowledged >= until:
                    self.reached.set()

    async def _write(
        self, call: Any, room: asyncio.Semaphore, batches: list[ingest_pb2.SubmitBatch]
    ) -> None:
        for batch in batches:
            await room.acquire()
            try:
                await call.write(ingest_pb2.SubmitRequest(batch=batch))
            except asyncio.InvalidStateError as error:  # so grpc says that the call has ended
                raise ServerGoneError from error

    async def _read(self, call: Any) -> ingest_pb2.SubmitResponse:
        response = await asyncio.wait_for(call.read(), PATIENCE_S)
        if not isinstance(response, ingest_pb2.SubmitResponse):
            raise ServerGoneError
        return response


class ServerGoneError(Exception):
    """The stream has ended before all was answered."""


async def kill_while_submitting(
    setting: Setting, submitting: Submission, moments: random.Random
) -> None:
    """Kill the server soon after a random acknowledgement of a session that goes on."""
    until = submitting.acknowledged + moments.randint(1, ROUND_MAX)
    async with channel_to(setting.server) as channel:
        run = asyncio.create_task(submitting.run(Logger(channel), until))
        reached = asyncio.create_task(submitting.reached.wait())
        await asyncio.wait({run, reached}, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(moments.uniform(0, 0.01))
        if run.done():
            await run  # raises what went wrong
        assert not run.done(), "everything was submitted before the server was killed"
        assert reached.done(), "the server answers no more"
        setting.server.kill()
        [ended] = await asyncio.gather(run, return_exceptions=True)
    gone = ended.exceptions if isinstance(ended, ExceptionGroup) else [ended]
    assert all(isinstance(error, ServerGoneError | grpc.aio.AioRpcError) for error in gone), ended
    setting.server.start()


async def test_killed_while_submitting(tmp_path: Path, moments: random.Random) -> None:
    """Whenever the server dies, what it acknowledged is stored, and what is sent again once."""
    async with campaign_on(tmp_path, SAFE) as setting:
        submitting = Submission(await batches_of(setting.logger))
        campaign = setting.logger.campaign
        for _ in range(KILLS):
            await kill_while_submitting(setting, submitting, moments)
        async with channel_to(setting.server) as channel:
            logger = Logger(channel)
            logger.campaign = campaign
            await submitting.run(logger, BATCHES)
            assert BATCHES == submitting.acknowledged
            await check_exact(logger)


async def check_exact(logger: Logger) -> None:
    """Every frame was counted once, every match is stored once, the funnel adds up."""
    funnel = await logger.settled()
    assert (BATCHES * FRAMES, BATCHES * MATCHES) == (funnel.seen, funnel.matches)
    assert funnel.matches == funnel.near_duplicate + funnel.collected
    assert 0 == funnel.duplicate + funnel.over_budget + funnel.inactive + funnel.score_mismatch
    assert funnel.distinct_seen == pytest.approx(BATCHES * FRAMES, rel=0.03)
    page = await logger.samples(page_size=1_000)
    stored = [sample.frame.id for sample in page.samples]
    assert funnel.collected == len(stored) == len(set(stored))
    assert set(stored) <= {name for seq in range(1, BATCHES + 1) for name in ids_of(seq)[:MATCHES]}


def ids_of(seq: int) -> list[str]:
    """The frames of a batch: first those that match."""
    return [f"{'h' if index < MATCHES else 'x'}{seq}-{index}" for index in range(FRAMES)]


async def batches_of(logger: Logger) -> list[ingest_pb2.SubmitBatch]:
    """All batches, made while nothing is wrong."""
    return [await logger.batch(seq, *ids_of(seq)) for seq in range(1, BATCHES + 1)]
