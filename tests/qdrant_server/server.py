"""A stand-in for a Qdrant server, over real gRPC and the real engine, that can fail on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import grpc
from qdrant_client import grpc as q

from tests.qdrant_server.engine import Engine
from tests.qdrant_server.servicers import Context, methods

VERSION = "1.19.0"


@dataclass(frozen=True, slots=True)
class Call:
    """A call that arrived, whatever became of it."""

    method: str
    request: Any
    metadata: dict[str, str | bytes]
    deadline_s: float | None


@dataclass(frozen=True, slots=True)
class Fault:
    """What the next calls of a method meet."""

    code: grpc.StatusCode | None = None
    """The status to end with; None: the method's own answer."""

    details: str = "injected"

    status: q.UpdateStatus.ValueType | None = None
    """The `UpdateStatus` to answer an update with."""

    delay_s: float = 0.0
    """How long to wait before anything else, seconds."""

    done: bool = False
    """Whether the call's work is done before it fails: the answer is what gets lost."""

    times: int = 1
    """How many calls meet this."""


class QdrantServer:
    """The stand-in, in this process; its folder may be served again after it stopped."""

    def __init__(self, folder: Path, *, version: str = VERSION) -> None:
        self.calls: list[Call] = []
        self.port = 0
        self._faults: dict[str, list[Fault]] = {}
        self._folder = folder
        self._version = version

    @property
    def url(self) -> str:
        """Where it listens, once it does."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self, port: int = 0) -> Self:
        """Listen on that port, or on any."""
        self._engine = Engine(self._folder)
        self._server = grpc.aio.server(
            interceptors=[_Interceptor(self._meet)],
            options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)],
        )
        handlers = methods(self._engine, self._version)
        for service in ("Collections", "Points", "Qdrant"):
            own = {
                name.partition("/")[2]: handler
                for name, handler in handlers.items()
                if name.startswith(f"{service}/")
            }
            generic = grpc.method_handlers_generic_handler(f"qdrant.{service}", own)
            self._server.add_generic_rpc_handlers([generic])
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        await self._server.start()
        return self

    async def stop(self) -> None:
        """Refuse all calls from now on."""
        await self._server.stop(None)
        self._engine.close()

    def fail(self, method: str, fault: Fault) -> None:
        """Let the next calls of a method (`Points/Upsert`) meet a fault, after those before it."""
        self._faults.setdefault(method, []).append(fault)

    def create(self, request: q.CreateCollection) -> None:
        """Make a collection, as somebody else would."""
        self._engine.create(request)

    def drop(self, name: str) -> None:
        """Lose a collection."""
        self._engine.drop(name)

    def requests(self, method: str) -> list[Any]:
        """The requests of a method so far."""
        return [call.request for call in self.calls if call.method == method]

    async def _meet(
        self,
        method: str,
        request: Any,
        context: Context,
        behave: Callable[[Any, Context], Awaitable[Any]],
    ) -> Any:
        metadata = dict(context.invocation_metadata() or ())
        self.calls.append(Call(method, request, metadata, context.time_remaining()))
        fault = self._next_fault(method)
        await asyncio.sleep(fault.delay_s)
        if fault.code is not None and not fault.done:
            await context.abort(fault.code, fault.details)
        response = await behave(request, context)
        if fault.code is not None:
            await context.abort(fault.code, fault.details)
        if fault.status is not None:
            return q.PointsOperationResponse(result=q.UpdateResult(status=fault.status))
        return response

    def _next_fault(self, method: str) -> Fault:
        waiting = self._faults.get(method)
        if not waiting:
            return Fault()
        fault = waiting.pop(0)
        if fault.times > 1:
            waiting.insert(0, replace(fault, times=fault.times - 1))
        return fault


class _Interceptor(grpc.aio.ServerInterceptor):
    """Sends every call past `meet`."""

    def __init__(self, meet: Callable[..., Awaitable[Any]]) -> None:
        self._meet = meet

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The method's handler, with `meet` around it."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = str(handler_call_details.method).removeprefix("/qdrant.")

        async def behave(request: Any, context: Context) -> Any:
            return await self._meet(method, request, context, handler.unary_unary)

        return grpc.unary_unary_rpc_method_handler(
            behave,
            handler.request_deserializer,
            handler.response_serializer,
        )
