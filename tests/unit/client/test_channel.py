"""Channels send the key with every call, and the caller catches the error the server raised."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from sluice import errors, rpc_errors
from sluice.channel import connect, connect_sync
from sluice.limits import MESSAGE_BYTES_MAX

SHAPES = ["unary_unary", "unary_stream", "stream_unary", "stream_stream"]
RAISED = errors.SequenceGap("batch.seq: 9 skips 7", metadata={"expected_seq": "7"})


def answer(context: grpc.ServicerContext) -> bytes:
    """Zeros of the size in the call's metadata, or else the metadata's key and own value."""
    metadata = dict(context.invocation_metadata())
    size_bytes = int(metadata.get("size", 0))
    values = [str(metadata.get(name)) for name in ("authorization", "own")]
    return bytes(size_bytes) or " ".join(values).encode()


def fail_on_request(context: grpc.ServicerContext) -> None:
    """Abort as Sluice's servers do, if the call's metadata has the key `fail`."""
    if "fail" in dict(context.invocation_metadata()):
        context.set_trailing_metadata(((rpc_errors.DETAILS_KEY, rpc_errors.dumps(RAISED)),))
        context.abort(RAISED.code, RAISED.message)


def answer_once(requests: object, context: grpc.ServicerContext) -> bytes:
    """One message, or an error instead."""
    fail_on_request(context)
    return answer(context)


def answer_stream(requests: object, context: grpc.ServicerContext) -> Iterator[bytes]:
    """One message, then an error or the end of the stream."""
    yield answer(context)
    fail_on_request(context)


def handler_of(shape: str) -> Any:
    """The server's handler for a kind of call."""
    make = getattr(grpc, f"{shape}_rpc_method_handler")
    return make(answer_stream if shape.endswith("stream") else answer_once)


@pytest.fixture(scope="module", params=["insecure", "secure"])
def served(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Arguments of `connect` for a server of raw bytes, with and without credentials."""
    server = grpc.server(ThreadPoolExecutor(2))
    handlers = {shape: handler_of(shape) for shape in SHAPES}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("Echo", handlers)])
    if request.param == "secure":
        port = server.add_secure_port("127.0.0.1:0", grpc.local_server_credentials())
        credentials = grpc.local_channel_credentials()
    else:
        port, credentials = server.add_insecure_port("127.0.0.1:0"), None
    server.start()
    yield {"target": f"127.0.0.1:{port}", "api_key": "slc_k_s", "credentials": credentials}
    server.stop(grace=5).wait()


def call(channel: Any, shape: str, metadata: dict[str, str]) -> Any:
    """Start a call of that kind."""
    request = iter([b""]) if shape.startswith("stream") else b""
    return getattr(channel, shape)(f"/Echo/{shape}")(request, metadata=tuple(metadata.items()))


def ask_sync(served: dict[str, Any], shape: str, **metadata: str) -> list[bytes]:
    """The responses to a call over a blocking channel."""
    with connect_sync(**served) as channel:
        reply = call(channel, shape, metadata)
        return list(reply) if shape.endswith("stream") else [reply]


async def ask(served: dict[str, Any], shape: str, **metadata: str) -> list[bytes]:
    """The responses to a call over an asyncio channel."""
    async with connect(**served) as channel:
        reply = call(channel, shape, metadata)
        if shape.endswith("stream"):
            return [message async for message in reply]
        return [await reply]


def ask_aio(served: dict[str, Any], shape: str, **metadata: str) -> list[bytes]:
    """As `ask`, for tests of both kinds of channel."""
    return asyncio.run(ask(served, shape, **metadata))


BOTH = pytest.mark.parametrize("ask", [ask_sync, ask_aio])


@BOTH
@pytest.mark.parametrize("shape", SHAPES)
def test_every_call_carries_the_key(ask: Any, shape: str, served: dict[str, Any]) -> None:
    """Calls of all kinds send the key, and keep the caller's metadata."""
    assert [b"Bearer slc_k_s mine"] == ask(served, shape, own="mine")


@BOTH
@pytest.mark.parametrize("shape", SHAPES)
def test_the_caller_catches_the_servers_error(ask: Any, shape: str, served: dict[str, Any]) -> None:
    """A failed call or stream has the error that the server raised, with its details."""
    with pytest.raises(grpc.RpcError) as failed:
        ask(served, shape, fail="yes")
    error = rpc_errors.from_rpc_error(failed.value)
    assert isinstance(error, errors.SequenceGap)
    assert (RAISED.message, 7) == (error.message, error.expected_seq)


def test_blocking_calls_raise_our_errors(served: dict[str, Any]) -> None:
    """`translate` raises the error itself, with the failed call as its cause."""
    with connect_sync(**served) as channel, pytest.raises(errors.SequenceGap) as failed:
        rpc_errors.translate(call, channel, "unary_unary", {"fail": "yes"})
    assert isinstance(failed.value.__cause__, grpc.RpcError)


@BOTH
def test_messages_have_room_for_a_batch(ask: Any, served: dict[str, Any]) -> None:
    """A message may be as large as servers accept, which is more than gRPC's own 4 MiB."""
    [message] = ask(served, "unary_unary", size=str(MESSAGE_BYTES_MAX))
    assert MESSAGE_BYTES_MAX == len(message)


@BOTH
def test_larger_messages_are_refused(ask: Any, served: dict[str, Any]) -> None:
    """A larger message is rejected, so that it cannot fill the memory of a device."""
    with pytest.raises(grpc.RpcError) as failed:
        ask(served, "unary_unary", size=str(MESSAGE_BYTES_MAX + 1))
    assert errors.ResourceExhausted is type(rpc_errors.from_rpc_error(failed.value))


PROXY = "http://127.0.0.1:9"
"""A proxy that does not listen."""


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy for all connections, as company laptops have it."""
    for name in ("grpc_proxy", "https_proxy", "no_grpc_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", PROXY)


@pytest.mark.usefixtures("proxy")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_loopback_is_reached_without_the_proxy(served: dict[str, Any], host: str) -> None:
    """Both channels connect to this machine directly."""
    if host == "localhost" and served["credentials"] is not None:
        host = "127.0.0.1"  # local credentials accept literal addresses only
    target = served["target"].replace("127.0.0.1", host)

    assert ask_sync(served | {"target": target}, "unary_unary")
    async with connect(**served | {"target": target}) as channel:
        assert await call(channel, "unary_unary", {})


@pytest.mark.usefixtures("proxy")
def test_a_refused_proxy_is_named(served: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine is connected through the proxy, unless the caller forbids it."""
    monkeypatch.setattr("sluice.channel.is_loopback", lambda address: False)

    with pytest.raises(grpc.RpcError) as raised:
        ask_sync(served, "unary_unary")
    error = rpc_errors.from_rpc_error(raised.value)

    assert errors.Unavailable is type(error)
    assert "the connection goes through the proxy 127.0.0.1:9 of http_proxy" in error.message
    with connect_sync(**served, may_use_proxy=False) as channel:
        assert call(channel, "unary_unary", {})
