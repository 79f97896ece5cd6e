"""The server: its port, health, description, and how it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from services.ledger.sqlite.ledger import SqliteLedger
from services.server import server
from services.server.draining import Draining
from services.server.keys import KeyStore, Scope, generate_token
from services.server.readiness import Check
from services.server.server import Server
from services.server.settings import Settings
from sluice import errors, rpc_errors
from sluice.limits import MESSAGE_BYTES_MAX
from sluice.v1 import scorer_pb2, scorer_pb2_grpc

SCORER = "sluice.v1.ScorerService"


class FakeScorerService(scorer_pb2_grpc.ScorerServiceServicer):
    """Responds to every batch with its number, and to a unary call once it is released."""

    def __init__(self, draining: Draining) -> None:
        self.draining = draining
        self.called, self.released = asyncio.Event(), asyncio.Event()

    async def ScoreFrames(  # noqa: D102, N802
        self, request: scorer_pb2.ScoreFramesRequest, context: Any
    ) -> scorer_pb2.ScoreFramesResponse:
        self.called.set()
        await self.released.wait()
        return scorer_pb2.ScoreFramesResponse(frame_count=7)

    async def StreamScores(  # noqa: D102, N802
        self, requests: AsyncIterator[scorer_pb2.StreamScoresRequest], context: Any
    ) -> AsyncIterator[scorer_pb2.StreamScoresResponse]:
        async for request in self.draining.until(requests):
            yield scorer_pb2.StreamScoresResponse(batch_id=request.batch_id)


class ServerUnderTest:
    """A server with one servicer, and a channel to it."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self.keys = KeyStore(ledger, pepper=b"pepper", internal_token=generate_token())
        draining = Draining()
        self.scorer = FakeScorerService(draining)
        self.server = Server(self.keys, draining, Settings(grace_s=5))
        self.port = self.server.bind("127.0.0.1", 0)
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.port}")

    async def metadata(self) -> list[tuple[str, str]]:
        """The metadata of a caller that may score."""
        return [("authorization", f"Bearer {(await self.keys.create('p', '', [Scope.LOG])).token}")]

    async def health(self, service: str) -> str:
        """The health that the server reports for a service."""
        stub: Any = health_pb2_grpc.HealthStub(self.channel)
        response = await stub.Check(health_pb2.HealthCheckRequest(service=service))
        return health_pb2.HealthCheckResponse.ServingStatus.Name(response.status)


@asynccontextmanager
async def serving(folder: Path, checks: dict[str, Check]) -> AsyncIterator[ServerUnderTest]:
    """A server with those checks, stopped at the end."""
    ledger = await SqliteLedger.open(folder / "ledger")
    running = ServerUnderTest(ledger)
    await running.server.start([running.scorer], checks)
    try:
        yield running
    finally:
        running.scorer.released.set()
        await running.channel.close()
        await running.server.stop()
        await ledger.close()


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[ServerUnderTest]:
    """A running server."""
    async with serving(tmp_path, {}) as running:
        yield running


def batch(number: int) -> scorer_pb2.StreamScoresRequest:
    """A batch."""
    return scorer_pb2.StreamScoresRequest(
        batch_id=number, batch=scorer_pb2.ScoreFramesRequest(parent="projects/p")
    )


async def test_health_is_reported_for_each_service(running: ServerUnderTest) -> None:
    """The health of the server and of each service needs no key."""
    assert "SERVING" == await running.health("")
    assert "SERVING" == await running.health(SCORER)
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await running.health("sluice.v1.IngestService")
    assert grpc.StatusCode.NOT_FOUND == failed.value.code()


async def test_a_server_without_its_stores_is_alive(tmp_path: Path) -> None:
    """While a check fails no service is healthy, but the health service itself is."""

    async def missing() -> None:
        raise errors.Unavailable("the ledger is down")

    async with serving(tmp_path, {"ledger": missing}) as running:
        statuses = [await running.health(name) for name in ("", SCORER, "grpc.health.v1.Health")]

    assert ["NOT_SERVING", "NOT_SERVING", "SERVING"] == statuses


async def test_the_server_describes_itself(running: ServerUnderTest) -> None:
    """Reflection lists the services, and needs no key."""
    channel: Any = running.channel
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    [answer] = [answer async for answer in stub.ServerReflectionInfo(iter([request]))]

    names = {service.name for service in answer.list_services_response.service}
    assert {SCORER, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"} == names


async def test_a_port_in_use_is_refused(running: ServerUnderTest) -> None:
    """A port that is in use is refused, naming it."""
    with pytest.raises(errors.FailedPrecondition, match=f"port {running.port}: "):
        Server(running.keys, Draining(), Settings()).bind("127.0.0.1", running.port)


async def test_messages_over_the_limit_are_refused(running: ServerUnderTest) -> None:
    """A message of 8 MiB passes, one over 16 MiB is refused."""
    stub: Any = scorer_pb2_grpc.ScorerServiceStub(running.channel)
    metadata = await running.metadata()
    running.scorer.released.set()

    def request(size_bytes: int) -> scorer_pb2.ScoreFramesRequest:
        request = scorer_pb2.ScoreFramesRequest(parent="projects/p")
        request.embeddings.tensor.data = bytes(size_bytes)
        return request

    assert 7 == (await stub.ScoreFrames(request(8 * 2**20), metadata=metadata)).frame_count
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await stub.ScoreFrames(request(MESSAGE_BYTES_MAX), metadata=metadata)
    assert grpc.StatusCode.RESOURCE_EXHAUSTED == failed.value.code()


async def test_stopping_ends_streams_and_waits_for_calls(running: ServerUnderTest) -> None:
    """A stream ends after the responses that are due; a call under way gets its response."""
    stub: Any = scorer_pb2_grpc.ScorerServiceStub(running.channel)
    metadata = await running.metadata()
    stream = stub.StreamScores(metadata=metadata)
    for number in range(100):
        await stream.write(batch(number))
    call = stub.ScoreFrames(scorer_pb2.ScoreFramesRequest(parent="projects/p"), metadata=metadata)
    call = asyncio.ensure_future(call)
    await running.scorer.called.wait()
    assert 0 == (await stream.read()).batch_id

    stopped = asyncio.create_task(running.server.stop())
    batch_ids = [0]

    async def read_on() -> None:
        while (response := await stream.read()) is not grpc.aio.EOF:
            batch_ids.append(response.batch_id)

    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await read_on()
    error = rpc_errors.from_rpc_error(failed.value)
    assert (errors.Unavailable, 1.0) == (type(error), error.retry_after_s)
    assert list(range(len(batch_ids))) == batch_ids
    assert not stopped.done()

    running.scorer.released.set()
    assert 7 == (await call).frame_count
    await stopped


def test_grpc_knows_every_option() -> None:
    """GRPC ignores an unknown option silently, and its default applies.

    That happened once: calls that were idle for two minutes ended with "Too many pings".
    """
    library = Path(str(import_module("grpc._cython.cygrpc").__file__)).read_bytes()

    assert [] == [name for name, _ in server.OPTIONS if name.encode() not in library]


async def test_health_reports_that_the_server_stops(running: ServerUnderTest) -> None:
    """A watch of the health reports NOT_SERVING before the last call has ended."""
    stub: Any = health_pb2_grpc.HealthStub(running.channel)
    watch = stub.Watch(health_pb2.HealthCheckRequest(service=SCORER))
    assert health_pb2.HealthCheckResponse.SERVING == (await watch.read()).status

    stopped = asyncio.create_task(running.server.stop())
    assert health_pb2.HealthCheckResponse.NOT_SERVING == (await watch.read()).status
    watch.cancel()
    await stopped


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, PING, GOAWAY = 4, 6, 7
"""Frame types of HTTP/2 (RFC 9113, section 6)."""


def http2_frame(kind: int, payload: bytes = b"") -> bytes:
    """A frame of the connection, without flags."""
    return len(payload).to_bytes(3, "big") + bytes([kind, 0, 0, 0, 0, 0]) + payload


async def read_kind(reader: asyncio.StreamReader) -> int:
    """The type of the next frame."""
    head = await reader.readexactly(9)
    await reader.readexactly(int.from_bytes(head[:3], "big"))
    return head[3]


async def test_frequent_pings_are_accepted(running: ServerUnderTest) -> None:
    """A client may ping at any rate, also when no call is open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(PREFACE + http2_frame(SETTINGS))
    for number in range(9):
        writer.write(http2_frame(PING, bytes([number] * 8)))
        async with asyncio.timeout(20):
            while (kind := await read_kind(reader)) != PING:
                assert kind != GOAWAY
    writer.close()
    await writer.wait_closed()
