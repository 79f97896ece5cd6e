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


class Scores(scorer_pb2_grpc.ScorerServiceServicer):
    """Answers every batch with its number; a unary call ends when it is let go."""

    def __init__(self, draining: Draining) -> None:
        self.draining = draining
        self.asked, self.let_go = asyncio.Event(), asyncio.Event()

    async def ScoreFrames(  # noqa: D102, N802
        self, request: scorer_pb2.ScoreFramesRequest, context: Any
    ) -> scorer_pb2.ScoreFramesResponse:
        self.asked.set()
        await self.let_go.wait()
        return scorer_pb2.ScoreFramesResponse(frame_count=7)

    async def StreamScores(  # noqa: D102, N802
        self, requests: AsyncIterator[scorer_pb2.StreamScoresRequest], context: Any
    ) -> AsyncIterator[scorer_pb2.StreamScoresResponse]:
        async for request in self.draining.until(requests):
            yield scorer_pb2.StreamScoresResponse(batch_id=request.batch_id)


class Running:
    """A running server, a servicer in it, and a channel to it."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self.keys = KeyStore(ledger, pepper=b"pepper", internal_token=generate_token())
        draining = Draining()
        self.scores = Scores(draining)
        self.server = Server(self.keys, draining, Settings(grace_s=5))
        self.port = self.server.bind("127.0.0.1", 0)
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.port}")

    async def metadata(self) -> list[tuple[str, str]]:
        """The metadata of a caller that may score."""
        return [("authorization", f"Bearer {(await self.keys.create('p', '', [Scope.LOG])).token}")]

    async def health(self, service: str) -> str:
        """How the server says that a service is."""
        stub: Any = health_pb2_grpc.HealthStub(self.channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
        return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


@asynccontextmanager
async def serving(folder: Path, needs: dict[str, Check]) -> AsyncIterator[Running]:
    """A server with these needs, stopped at the end."""
    ledger = await SqliteLedger.open(folder / "ledger")
    running = Running(ledger)
    await running.server.start([running.scores], needs)
    try:
        yield running
    finally:
        running.scores.let_go.set()
        await running.channel.close()
        await running.server.stop()
        await ledger.close()


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """A running server."""
    async with serving(tmp_path, {}) as running:
        yield running


def batch(number: int) -> scorer_pb2.StreamScoresRequest:
    """A batch."""
    return scorer_pb2.StreamScoresRequest(
        batch_id=number, batch=scorer_pb2.ScoreFramesRequest(parent="projects/p")
    )


async def test_health_is_told_for_each_service(running: Running) -> None:
    """Without a key, anyone may ask how the server and each service of it are."""
    assert "SERVING" == await running.health("")
    assert "SERVING" == await running.health(SCORER)
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await running.health("sluice.v1.IngestService")
    assert grpc.StatusCode.NOT_FOUND == failed.value.code()


async def test_a_server_without_its_needs_is_alive(tmp_path: Path) -> None:
    """While a need is missing no service is healthy, but the health service itself is."""

    async def missing() -> None:
        raise errors.Unavailable("the ledger is away")

    async with serving(tmp_path, {"ledger": missing}) as running:
        told = [await running.health(name) for name in ("", SCORER, "grpc.health.v1.Health")]

    assert ["NOT_SERVING", "NOT_SERVING", "SERVING"] == told


async def test_the_server_describes_itself(running: Running) -> None:
    """Without a key, any gRPC tool can list the services."""
    channel: Any = running.channel
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    [answer] = [answer async for answer in stub.ServerReflectionInfo(iter([request]))]

    names = {service.name for service in answer.list_services_response.service}
    assert {SCORER, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"} == names


async def test_a_port_is_for_one_server(running: Running) -> None:
    """A port that is in use is refused, naming it."""
    with pytest.raises(errors.FailedPrecondition, match=f"port {running.port}: "):
        Server(running.keys, Draining(), Settings()).bind("127.0.0.1", running.port)


async def test_messages_have_a_limit(running: Running) -> None:
    """A message of 8 MiB passes, one over 16 MiB is refused."""
    stub: Any = scorer_pb2_grpc.ScorerServiceStub(running.channel)
    metadata = await running.metadata()
    running.scores.let_go.set()

    def request(size_bytes: int) -> scorer_pb2.ScoreFramesRequest:
        request = scorer_pb2.ScoreFramesRequest(parent="projects/p")
        request.embeddings.tensor.data = bytes(size_bytes)
        return request

    assert 7 == (await stub.ScoreFrames(request(8 * 2**20), metadata=metadata)).frame_count
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await stub.ScoreFrames(request(MESSAGE_BYTES_MAX), metadata=metadata)
    assert grpc.StatusCode.RESOURCE_EXHAUSTED == failed.value.code()


async def test_stopping_ends_streams_and_waits_for_calls(running: Running) -> None:
    """A stream learns that the server stops once its answers are out; a call gets its answer."""
    stub: Any = scorer_pb2_grpc.ScorerServiceStub(running.channel)
    metadata = await running.metadata()
    stream = stub.StreamScores(metadata=metadata)
    for number in range(100):
        await stream.write(batch(number))
    call = stub.ScoreFrames(scorer_pb2.ScoreFramesRequest(parent="projects/p"), metadata=metadata)
    call = asyncio.ensure_future(call)
    await running.scores.asked.wait()
    assert 0 == (await stream.read()).batch_id

    stopped = asyncio.create_task(running.server.stop())
    answered = [0]

    async def read_on() -> None:
        while (answer := await stream.read()) is not grpc.aio.EOF:
            answered.append(answer.batch_id)

    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await read_on()
    error = rpc_errors.from_rpc_error(failed.value)
    assert (errors.Unavailable, 1.0) == (type(error), error.retry_after_s)
    assert list(range(len(answered))) == answered
    assert not stopped.done()

    running.scores.let_go.set()
    assert 7 == (await call).frame_count
    await stopped


def test_grpc_knows_every_option() -> None:
    """An option that gRPC does not know would be passed over in silence, and its default count.

    One was: calls in which nothing was said for two minutes ended with "Too many pings".
    """
    library = Path(str(import_module("grpc._cython.cygrpc").__file__)).read_bytes()

    assert [] == [name for name, _ in server.OPTIONS if name.encode() not in library]


async def test_health_says_that_the_server_stops(running: Running) -> None:
    """Who watches the health of a service learns that it stops before the last call has ended."""
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


async def test_pings_are_no_attack(running: Running) -> None:
    """A client may measure the network as often as it likes, also when no call is open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(PREFACE + http2_frame(SETTINGS))
    for number in range(9):
        writer.write(http2_frame(PING, bytes([number] * 8)))
        async with asyncio.timeout(20):
            while (kind := await read_kind(reader)) != PING:
                assert kind != GOAWAY
    writer.close()
    await writer.wait_closed()
