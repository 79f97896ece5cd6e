"""Interceptors of every call: their base class, logging, and errors as statuses.

gRPC has four shapes of handlers, and two ways to write those that respond with a stream. Here they
become one: an interceptor is an async context manager around the call.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast
from uuid import uuid4

import grpc
import structlog

from sluice.errors import FieldViolation, Internal, SluiceError
from sluice.rpc_errors import DETAILS_KEY, to_status
from sluice.v1 import errors_pb2

DETAILS_BYTES_MAX: Final = 3_072
"""Limit of a status in the trailers: gRPC reads at most 8 KiB of them, base64 included."""

MESSAGE_BYTES_MAX: Final = 1_024
"""Limit of the bare message; gRPC percent-encodes it, which may triple its size."""

LINGER_S: Final = 2.0
"""Longest time to read on after an error, for a client that is still sending."""

LINGER_PAUSE_S: Final = 0.05
"""A client that sends nothing for so long has paused."""

_QUIET: Final = ("/grpc.health.v1.", "/grpc.reflection.")
_SERVER_ERRORS: Final = {"INTERNAL", "UNKNOWN", "DATA_LOSS"}

log = structlog.get_logger()

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its full method name, `/sluice.v1.ScorerService/ScoreFrames`, and its shape."""

    method: str
    context: Context
    requests_stream: bool
    responses_stream: bool


class Interceptor(grpc.aio.ServerInterceptor, ABC):
    """An interceptor as a context manager around each call of any shape."""

    @abstractmethod
    def around(self, call: Call, request: Any) -> AbstractAsyncContextManager[Any]:
        """Enter before the handler runs, leave after its last response.

        `request` is a message, or an iterator of messages if they stream. The handler gets what
        the context manager yields in its place.
        """

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Wrap the handler of a call; see grpc.aio.ServerInterceptor."""
        handler = await continuation(handler_call_details)
        # Without a handler the method does not exist, and gRPC answers UNIMPLEMENTED.
        return handler and self._wrap(handler, handler_call_details.method)

    def _wrap(self, handler: Handler, method: str) -> Handler:
        stream_in, stream_out = handler.request_streaming, handler.response_streaming
        shape = f"{_SHAPE[stream_in]}_{_SHAPE[stream_out]}"
        behaviour = getattr(handler, shape)

        async def around(request: Any, context: Context) -> Any:
            call = Call(method, context, bool(stream_in), bool(stream_out))
            async with self.around(call, request) as passed_on:
                return await _run(behaviour, passed_on, context)

        make: Callable[..., Handler] = getattr(grpc, f"{shape}_rpc_method_handler")
        return make(around, handler.request_deserializer, handler.response_serializer)


_SHAPE = {False: "unary", True: "stream"}


async def _run(behaviour: Callable[[Any, Context], Any], request: Any, context: Context) -> Any:
    """Run a handler to its end; the responses of a generator are written here.

    A generator that gRPC iterates would be left hanging when a call is cancelled while a response
    is being written; here, its `finally` runs at once.
    """
    if not inspect.isasyncgenfunction(behaviour):
        return await behaviour(request, context)
    async with aclosing(behaviour(request, context)) as responses:
        async for response in responses:
            await context.write(response)
    return None


class LoggingInterceptor(Interceptor):
    """Logs one record per call: method, code, duration; never its content."""

    @asynccontextmanager
    async def around(self, call: Call, request: Any) -> AsyncIterator[Any]:
        """Give the call an id, which all records logged during it carry."""
        structlog.contextvars.bind_contextvars(rpc_id=uuid4().hex)
        start = time.perf_counter()
        outcome = "CANCELLED"
        try:
            yield request
            outcome = "OK"
        except Exception:
            outcome = "UNKNOWN"
            raise
        finally:
            # None until the call is aborted, whatever its type says.
            code = cast("grpc.StatusCode | None", call.context.code())
            name = outcome if code is None else code.name
            duration_ms = round(1_000 * (time.perf_counter() - start), 3)
            record = _level_of(call.method, name)
            record("rpc", method=call.method, code=name, duration_ms=duration_ms)


def _level_of(method: str, code: str) -> Callable[..., None]:
    level = "error" if code in _SERVER_ERRORS else "debug" if method.startswith(_QUIET) else "info"
    return getattr(log, level)  # type: ignore[no-any-return]


class ErrorInterceptor(Interceptor):
    """Turns a SluiceError into the status of the call; nothing else does."""

    @asynccontextmanager
    async def around(self, call: Call, request: Any) -> AsyncIterator[Any]:
        """Abort the call with the status of the error that its handler raised."""
        try:
            yield request
        except grpc.aio.AbortError:  # health and reflection have a status of their own
            raise
        except SluiceError as error:
            await _abort(call, error)
        except Exception:
            log.exception("rpc.failed", method=call.method)
            await _abort(call, _internal_error())


def _internal_error() -> Internal:
    rpc_id = structlog.contextvars.get_contextvars().get("rpc_id", "")
    return Internal(
        f"internal error; see the server log, rpc_id {rpc_id}", metadata={"rpc_id": rpc_id}
    )


async def _abort(call: Call, error: SluiceError) -> None:
    if call.requests_stream:
        await _linger(call.context)
    status = fit_status(error)
    trailers = ((DETAILS_KEY, status.SerializeToString()),)
    await call.context.abort(error.code, _cut(status.message, MESSAGE_BYTES_MAX), trailers)


async def _linger(context: Context) -> None:
    """Read on until the client ends or pauses, as web servers do before they close a connection.

    A grpc.aio client that is cut off within a message reports an internal error instead of the
    status.
    """
    with suppress(TimeoutError, grpc.aio.BaseError):
        async with asyncio.timeout(LINGER_S):
            while await asyncio.wait_for(context.read(), LINGER_PAUSE_S) is not grpc.aio.EOF:
                pass


def fit_status(error: SluiceError) -> errors_pb2.Status:
    """The status of an error, with its texts cut if it would not fit into the trailers."""
    status, text_bytes = to_status(error), DETAILS_BYTES_MAX
    while status.ByteSize() > DETAILS_BYTES_MAX:
        text_bytes //= 2
        status = to_status(_shorten(error, text_bytes))
    return status


def _shorten(error: SluiceError, text_bytes: int) -> SluiceError:
    """A copy of an error with texts up to that size, and up to eight fields and metadata."""
    return type(error)(
        _cut(error.message, text_bytes),
        reason=error.reason,
        fields=[
            FieldViolation(_cut(field.field, text_bytes), _cut(field.description, text_bytes))
            for field in error.fields[:8]
        ],
        metadata={
            _cut(name, text_bytes): _cut(value, text_bytes)
            for name, value in list(error.metadata.items())[:8]
        },
        retry_after_s=error.retry_after_s,
    )


def _cut(text: str, size_bytes: int) -> str:
    encoded = text.encode()
    if len(encoded) <= size_bytes:
        return text
    return encoded[:size_bytes].decode(errors="ignore") + "…"
