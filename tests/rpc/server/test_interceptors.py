"""What stands around every call: one record, one status, whatever the shape of the handler."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias

import grpc
import pytest
import structlog
from google.rpc import status_pb2
from hypothesis import given
from hypothesis import strategies as st

from services.server import logs
from services.server.interceptors import (
    DETAILS_BYTES_MAX,
    ErrorInterceptor,
    LoggingInterceptor,
    fit_status,
)
from services.server.settings import Settings
from sluice import errors, rpc_errors

Work = Callable[[bytes], bytes]
Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"

SHAPES = [
    "unary_unary",
    "unary_stream",
    "stream_unary",
    "stream_stream",
    "unary_stream by write",
    "stream_stream by write",
]


def handler(shape: str, work: Work) -> grpc.RpcMethodHandler[bytes, bytes]:
    """A handler of that shape which answers with `work` of what it gets."""

    async def unary_unary(request: bytes, _: Context) -> bytes:
        return work(request)

    async def unary_stream(request: bytes, _: Context) -> AsyncIterator[bytes]:
        yield b"first"
        yield work(request)

    async def stream_unary(requests: AsyncIterator[bytes], _: Context) -> bytes:
        return work(b"".join([request async for request in requests]))

    async def stream_stream(requests: AsyncIterator[bytes], _: Context) -> AsyncIterator[bytes]:
        async for request in requests:
            yield work(request)

    async def unary_stream_by_write(request: bytes, context: Context) -> None:
        await context.write(b"first")
        await context.write(work(request))

    async def stream_stream_by_write(requests: AsyncIterator[bytes], context: Context) -> None:
        async for request in requests:
            await context.write(work(request))

    behaviour = locals()[shape.replace(" ", "_")]
    make: Any = getattr(grpc, f"{shape.partition(' ')[0]}_rpc_method_handler")
    return make(behaviour)  # type: ignore[no-any-return]


@asynccontextmanager
async def serving(
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]],
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a server that has these methods in a service `test.Service`."""
    server = grpc.aio.server(interceptors=[LoggingInterceptor(), ErrorInterceptor()])
    generic = grpc.method_handlers_generic_handler("test.Service", handlers)
    server.add_generic_rpc_handlers([generic])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


async def call(channel: grpc.aio.Channel, shape: str, *requests: bytes) -> list[bytes]:
    """Call the method `Do` as its shape wants it; all responses."""
    shape = shape.partition(" ")[0]
    method: Any = getattr(channel, shape)("/test.Service/Do")
    running = method(iter(requests)) if shape.startswith("stream") else method(requests[0])
    if shape.endswith("stream"):
        return [response async for response in running]
    return [await running]


@contextmanager
def logged() -> Iterator[None]:
    """Log to stderr as a server does, for a while."""
    logs.configure(Settings(log_format="json", log_level="debug"))
    yield
    structlog.reset_defaults()


async def failing(shape: str, error: BaseException) -> grpc.aio.AioRpcError:
    """The failure that a client sees when a handler of that shape raises this error."""

    def work(_: bytes) -> bytes:
        raise error

    async with serving({"Do": handler(shape, work)}) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await call(channel, shape, b"request")
    return failed.value


@pytest.mark.parametrize("shape", SHAPES)
async def test_handlers_of_every_shape_are_served(shape: str) -> None:
    """Every shape of handler answers through the interceptors as it would without."""
    async with serving({"Do": handler(shape, bytes.upper)}) as channel:
        answers = await call(channel, shape, b"request")

    assert b"REQUEST" == answers[-1]
    assert (["first"] if shape.startswith("unary_stream") else []) == [
        answer.decode() for answer in answers[:-1]
    ]


@pytest.mark.parametrize("shape", SHAPES)
async def test_an_error_comes_out_as_it_went_in(shape: str) -> None:
    """A SluiceError of any shape of handler arrives as the same class with the same details."""
    raised = errors.SequenceGap(
        "batch.seq: 7, expected 5", metadata={"expected_seq": "5"}, retry_after_s=1.5
    )
    failed = await failing(shape, raised)

    error = rpc_errors.from_rpc_error(failed)
    assert (grpc.StatusCode.FAILED_PRECONDITION, raised.message) == (
        failed.code(),
        failed.details(),
    )
    assert errors.SequenceGap is type(error)
    assert vars(raised) == vars(error)


@pytest.mark.parametrize("shape", ["stream_unary", "stream_stream"])
async def test_a_client_hears_the_status_amid_its_messages(shape: str) -> None:
    """A client that still sends when its call is refused hears why, not an error of its own."""

    async def refuse(_: AsyncIterator[bytes], __: Context) -> bytes:
        raise errors.PermissionDenied("not you")

    refusing = getattr(grpc, f"{shape}_rpc_method_handler")(refuse)
    async with serving({"Do": refusing}) as channel:
        for _ in range(10):
            with pytest.raises(grpc.aio.AioRpcError, match="not you"):
                await call(channel, shape, *[bytes(1_000)] * 20)


async def test_any_grpc_tool_can_read_the_details() -> None:
    """The trailer holds a google.rpc.Status with the code and message of the call."""
    failed = await failing("unary_unary", errors.InvalidArgument.of("name", "'x' is no name"))

    [raw] = [value for key, value in failed.trailing_metadata() if key == rpc_errors.DETAILS_KEY]
    assert isinstance(raw, bytes)
    status = status_pb2.Status.FromString(raw)
    assert (3, "name: 'x' is no name") == (status.code, status.message)
    assert 2 == len(status.details)


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_bug_shows_nothing_to_the_caller(
    shape: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unexpected exception is INTERNAL without its text; the log has it, under the same id."""
    with logged():
        failed = await failing(shape, RuntimeError("internals"))
    records = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line[:1] == "{"]

    error = rpc_errors.from_rpc_error(failed)
    assert errors.Internal is type(error)
    assert "internals" not in error.message
    [bug, rpc] = records
    assert ("rpc.failed", "rpc") == (bug["event"], rpc["event"])
    assert "RuntimeError: internals" in bug["exception"]
    assert "INTERNAL" == rpc["code"]
    assert error.metadata["rpc_id"] == bug["rpc_id"] == rpc["rpc_id"]


async def test_a_call_has_one_record(capsys: pytest.CaptureFixture[str]) -> None:
    """A call leaves one record with method, code and duration, and nothing of what was sent."""
    with logged():
        async with serving({"Do": handler("stream_stream", bytes.upper)}) as channel:
            await call(channel, "stream_stream", b"secret", b"vector")
    [line] = capsys.readouterr().err.splitlines()

    record = json.loads(line)
    assert ("rpc", "/test.Service/Do", "OK") == (record["event"], record["method"], record["code"])
    assert record["duration_ms"] > 0
    assert "secret" not in line
    assert "vector" not in line


@pytest.mark.parametrize("shape", ["unary_unary", "unary_stream", "stream_stream"])
async def test_a_cancelled_call_ends_its_handler_at_once(
    shape: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """When a client goes, its handler is cancelled, cleans up, and is logged as cancelled."""
    started, ended = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def unary(_: Any, __: Context) -> bytes:
        await wait()
        return b""

    async def streaming(_: Any, __: Context) -> AsyncIterator[bytes]:
        await wait()
        yield b""

    behaviour = unary if shape == "unary_unary" else streaming
    waiting = getattr(grpc, f"{shape}_rpc_method_handler")(behaviour)
    with logged():
        async with serving({"Do": waiting}) as channel:
            running = asyncio.create_task(call(channel, shape, b"request"))
            await asyncio.wait_for(started.wait(), 10)
            running.cancel()
            await asyncio.wait_for(ended.wait(), 10)
    [record] = [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    assert ("rpc", "CANCELLED") == (record["event"], record["code"])


async def test_a_generator_is_closed_when_its_reader_goes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """When a client leaves amid the responses, the generator behind them ends within the call."""
    ended = asyncio.Event()

    async def endless(_: bytes, __: Context) -> AsyncIterator[bytes]:
        try:
            while True:
                yield bytes(65_536)
        finally:
            structlog.get_logger().info("ended")
            ended.set()

    with logged():
        async with serving({"Do": grpc.unary_stream_rpc_method_handler(endless)}) as channel:
            method: Any = channel.unary_stream("/test.Service/Do")
            running = method(b"")
            await running.read()
            running.cancel()
            await asyncio.wait_for(ended.wait(), 10)
    records = [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    assert ["ended", "rpc"] == [record["event"] for record in records]
    assert records[0]["rpc_id"] == records[1]["rpc_id"]


async def test_an_unknown_method_is_unimplemented() -> None:
    """A method that nobody serves is answered by gRPC itself."""
    async with serving({}) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await call(channel, "unary_unary", b"")

    assert grpc.StatusCode.UNIMPLEMENTED == failed.value.code()


async def test_a_status_of_its_own_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """A handler that aborts its call itself, as health does, keeps its status."""

    async def abort(_: bytes, context: Context) -> bytes:
        await context.abort(grpc.StatusCode.NOT_FOUND, "as I said")

    with logged():
        async with serving({"Do": grpc.unary_unary_rpc_method_handler(abort)}) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await call(channel, "unary_unary", b"")
    [record] = [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    assert ("rpc", "NOT_FOUND") == (record["event"], record["code"])
    assert (grpc.StatusCode.NOT_FOUND, "as I said") == (failed.value.code(), failed.value.details())


async def test_a_long_error_still_arrives() -> None:
    """An error that names thousands of rows and fields is cut to what fits, not lost."""
    rows = ", ".join(str(row) for row in range(4_096))
    violations = [errors.FieldViolation(f"embeddings[{n}]", "is «NaN»" * 20) for n in range(500)]
    raised = errors.InvalidArgument(
        "ä" * 5_000,
        reason="INVALID_EMBEDDING",
        fields=violations,
        metadata={"rows": rows},
        retry_after_s=2,
    )
    error = rpc_errors.from_rpc_error(await failing("unary_unary", raised))

    assert (errors.InvalidArgument, "INVALID_EMBEDDING") == (type(error), error.reason)
    assert error.message.startswith("ä")
    assert error.metadata["rows"].startswith("0, 1, 2")
    assert "embeddings[0]" == error.fields[0].field
    assert 2 == error.retry_after_s


@given(st.text(max_size=5_000), st.lists(st.text(max_size=2_000), max_size=20))
def test_every_status_fits(message: str, texts: list[str]) -> None:
    """Whatever an error holds, its status fits into trailers; what fits anyway is not touched."""
    error = errors.InvalidArgument(
        message,
        fields=[errors.FieldViolation(text, text) for text in texts],
        metadata=dict.fromkeys(texts, message),
    )
    status = fit_status(error)

    assert status.ByteSize() <= DETAILS_BYTES_MAX
    whole = rpc_errors.to_status(error)
    if whole.ByteSize() <= DETAILS_BYTES_MAX:
        assert whole == status
