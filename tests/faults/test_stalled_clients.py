"""Clients that stall cost a process little memory, and hold up nobody else."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import grpc
import numpy as np

from sluice.channel import connect_sync
from sluice.tensors import pack
from sluice.v1 import ingest_pb2, scorer_pb2
from sluice.v1.ingest_pb2_grpc import IngestServiceStub
from sluice.v1.scorer_pb2_grpc import ScorerServiceStub
from tests.e2e.team import DIMENSION, MODEL
from tests.faults.fleet import Fleet, Scored
from tests.faults.oracle import Report, check_accounts
from tests.faults.scoring_streams import ScoringStream
from tests.faults.stalled import (
    STREAMS_PER_KEY,
    ProcessMemory,
    StalledStream,
    keys,
    stalled_streams,
    until_quiet,
)
from tests.faults.waiting import wait_until

STREAMS = 100
ROWS, MESSAGES = 1_024, 200
GROWTH_BYTES_MAX = 400 * 2**20
"""What 100 stalled streams may cost: 4 MiB each, for what is unread and the batch under way.

Those that send scores have 50 MiB each, 5 GiB together; those that submit, 1.5 GiB.
"""

FLOODING, FLOOD, FLOOD_BYTES = 10, 40, 4 * 2**20
HONEST, SUBMITTED = 10, 30
IN_FLIGHT = 8


def scores_request(fleet: Fleet) -> scorer_pb2.StreamScoresRequest:
    """A batch of 256 KiB."""
    rows = np.random.default_rng(5).normal(size=(ROWS, DIMENSION)).astype("f4")
    batch = scorer_pb2.ScoreFramesRequest(parent=fleet.project)
    batch.embeddings.model_id = MODEL
    batch.embeddings.tensor.CopyFrom(pack(rows))
    return scorer_pb2.StreamScoresRequest(batch=batch)


def others_score(fleet: Fleet, address: str) -> None:
    """See that another client gets answers from that process."""
    target = f"campaign={address},scorer={address},ingest={address}"
    with connect_sync(target, fleet.cluster.admin_key) as channel:
        rows = np.ones((2, DIMENSION), "f4")
        batch = scorer_pb2.ScoreFramesRequest(parent=fleet.project)
        batch.embeddings.model_id = MODEL
        batch.embeddings.tensor.CopyFrom(pack(rows))
        stream, done = ScoringStream(channel, batch), Event()
        worker = Thread(target=stream.run, args=(done,))
        worker.start()
        try:
            wait_until(lambda: len(stream.answers) >= 10)
        finally:
            done.set()
            worker.join()


def memory_of(fleet: Fleet, name: str) -> ProcessMemory:
    """The memory of a process of the cluster, from now on."""
    return ProcessMemory(fleet.cluster.processes[name].pid)


async def test_who_reads_no_scores_costs_little(fleet: Fleet) -> None:
    """A hundred streams that send and never read are not read from without bound either.

    Neither they nor fifty that send nothing hold up others, or the end of the process.
    """
    address, process = fleet.cluster.address("scorer-0"), fleet.cluster.processes["scorer-0"]
    await asyncio.to_thread(others_score, fleet, address)
    memory = memory_of(fleet, "scorer-0")
    messages = [[scores_request(fleet)] * MESSAGES] * STREAMS + [[]] * STREAMS_PER_KEY
    tokens = keys(fleet.team.channel, fleet.project, len(messages) // STREAMS_PER_KEY)

    def method(channel: grpc.aio.Channel) -> Any:
        return ScorerServiceStub(channel).StreamScores

    async with stalled_streams(address, method, tokens, messages) as streams:
        sent = await until_quiet(streams)
        assert sent < STREAMS * MESSAGES
        await asyncio.to_thread(others_score, fleet, address)
        assert memory.growth_bytes() < GROWTH_BYTES_MAX
        assert 0 == await asyncio.to_thread(process.stop)
    process.start()
    await asyncio.to_thread(others_score, fleet, address)


def start_of(fleet: Fleet) -> ingest_pb2.SubmitRequest:
    """The first message of a new session."""
    start = ingest_pb2.SubmitStart(parent=fleet.project, session_id=str(uuid4()), logger="test")
    return ingest_pb2.SubmitRequest(start=start)


def numbered(
    fleet: Fleet, batches: Sequence[ingest_pb2.SubmitBatch]
) -> list[ingest_pb2.SubmitRequest]:
    """A session that sends all of these without a pause, however few may be in flight."""
    requests = [start_of(fleet), *(ingest_pb2.SubmitRequest(batch=batch) for batch in batches)]
    for seq, request in enumerate(requests[1:], 1):
        request.batch.seq = seq
    return requests


def honest(scored: Scored, number: int) -> list[ingest_pb2.SubmitBatch]:
    """Batches of two frames, one of which matches."""
    return [
        scored.batch({f"{number}-{seq}": f"v{seq}", f"{number}-{seq}-x": "x"})
        for seq in range(SUBMITTED)
    ]


def outsized() -> list[ingest_pb2.SubmitBatch]:
    """Batches of more frames than one may have: each is read, and refused for good."""
    return [ingest_pb2.SubmitBatch(seen_hashes=bytes(FLOOD_BYTES)) for _ in range(FLOOD)]


async def results(stream: StalledStream, count: int) -> list[ingest_pb2.BatchResult]:
    """Read at last: the answers to as many batches, after that to the start."""
    assert "started" == (await stream.call.read()).WhichOneof("message")
    return [(await stream.call.read()).result for _ in range(count)]


async def test_who_reads_no_acknowledgement_costs_little(fleet: Fleet) -> None:
    """Batches beyond what may be in flight wait with their sender, and are counted once each."""
    address = fleet.cluster.address("ingest-0")
    scored = fleet.score("x", *(f"v{seq}" for seq in range(SUBMITTED)))
    batches = [honest(scored, number) for number in range(HONEST)]
    sessions = [numbered(fleet, batch_group) for batch_group in batches]
    floods = [numbered(fleet, outsized()) for _ in range(FLOODING)]
    idle = [[start_of(fleet)] for _ in range(STREAMS - HONEST - FLOODING)]
    tokens = keys(fleet.team.channel, fleet.project, STREAMS // STREAMS_PER_KEY)
    memory = memory_of(fleet, "ingest-0")

    def method(channel: grpc.aio.Channel) -> Any:
        return IngestServiceStub(channel).Submit

    messages = [*sessions, *floods, *idle]
    async with stalled_streams(address, method, tokens, messages) as streams:
        other = fleet.logger(address)
        for seq in range(10):
            other.submit(scored.batch({f"other-{seq}": f"v{seq}"}))
        await asyncio.to_thread(other.finish)
        for stream in streams[HONEST : HONEST + FLOODING]:
            refused = [(result.seq, result.error.code) for result in await results(stream, FLOOD)]
            assert [(seq, 3) for seq in range(1, FLOOD + 1)] == refused
        responses = [await results(stream, SUBMITTED) for stream in streams[:HONEST]]
        assert memory.growth_bytes() < GROWTH_BYTES_MAX
    pending = [ingest_pb2.VERDICT_PENDING]
    assert [[(seq, pending) for seq in range(1, SUBMITTED + 1)]] * HONEST == [
        [(result.seq, list(result.verdicts.verdicts)) for result in session]
        for session in responses
    ]
    verdicts = Counter({(fleet.campaign, "pending"): SUBMITTED})
    reports = [
        Report(session[0].start.session_id, batch_group, verdicts)
        for session, batch_group in zip(sessions, batches, strict=True)
    ]
    await asyncio.to_thread(check_accounts, fleet.cluster, fleet.campaign, [*reports, other.report])


def test_a_logger_keeps_what_is_not_acknowledged(fleet: Fleet) -> None:
    """A logger has only so many batches in flight, and keeps them until they are acknowledged."""
    process = fleet.cluster.processes["ingest-0"]
    scored = fleet.score("x", *(f"v{seq}" for seq in range(SUBMITTED)))
    logger = fleet.logger(fleet.cluster.address("ingest-0"))
    in_flight = logger.session.open()

    def submit() -> int:
        most = 0
        for seq in range(SUBMITTED):
            logger.submit(scored.batch({f"f{seq}": f"v{seq}", f"f{seq}-x": "x"}))
            most = max(most, len(logger.batches) - logger.session.acknowledged)
        return most

    process.send(signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        most = pool.submit(submit)
        try:
            wait_until(lambda: len(logger.batches) == IN_FLIGHT)
        finally:
            process.kill()
            process.start()
        assert (0, IN_FLIGHT) == (in_flight, most.result())
    assert SUBMITTED == len(fleet.check_accounts().rows)
