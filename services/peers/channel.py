"""Channels to other services: options, key, deadlines, error translation and health checks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sluice.errors import SluiceError, Unavailable
from sluice.limits import MESSAGE_BYTES_MAX
from sluice.proxies import NO_PROXY
from sluice.rpc_errors import from_rpc_error

REQUEST_TIMEOUT_S: Final = 5.0
"""Deadline of one request, including the time to connect."""

OPTIONS: Final = [
    # gRPC's own backoff grows to two minutes; a commit must be seen within a second of a restart.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    # Services are on one network; a proxy for the internet cannot reach them.
    NO_PROXY,
]

_TRANSIENT: Final = {
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    # The other process runs an older release: a rolling upgrade is under way.
    grpc.StatusCode.UNIMPLEMENTED,
}

_Response = TypeVar("_Response")


class PeerChannel:
    """A channel to one other service, which authenticates with the services' shared key."""

    def __init__(
        self, service: str, channel: grpc.aio.Channel, internal_key: str, timeout_s: float
    ) -> None:
        self.service = service
        """Its name in error messages, such as `campaign`."""
        self.channel = channel
        self.metadata = (("authorization", f"Bearer {internal_key}"),)
        self.timeout_s = timeout_s
        self._health: Any = health_pb2_grpc.HealthStub(channel)
        self._has_served = False

    async def call(
        self,
        method: Callable[..., Awaitable[_Response]],
        request: Any,
        *,
        timeout_s: float | None = None,
        wait_for_ready: bool = True,
    ) -> _Response:
        """Call a unary method; raises the Sluice error behind a failure."""
        try:
            return await method(
                request,
                metadata=self.metadata,
                timeout=self.timeout_s if timeout_s is None else timeout_s,
                wait_for_ready=wait_for_ready,
            )
        except grpc.aio.AioRpcError as error:
            raise self.translate(error) from error

    def translate(self, error: grpc.aio.AioRpcError) -> SluiceError:
        """The Sluice error behind a failed call; Unavailable where a retry may succeed."""
        if error.code() in _TRANSIENT:
            return self.unavailable(str(error.details()))
        return from_rpc_error(error)

    def unavailable(self, problem: str) -> Unavailable:
        """The error of a service that does not answer."""
        return Unavailable(f"the {self.service} service: {problem}", retry_after_s=1)

    async def check_served(self, grpc_service: str) -> None:
        """Raise Unavailable until the service has been healthy once.

        Later outages pass: what was read from it is cached, and holds until it is back.
        """
        if self._has_served:
            return
        request = health_pb2.HealthCheckRequest(service=grpc_service)
        try:
            response = await self._health.Check(request, timeout=self.timeout_s)
        except grpc.aio.AioRpcError as error:
            raise self.unavailable(str(error.details())) from error
        if response.status != health_pb2.HealthCheckResponse.SERVING:
            raise self.unavailable("not serving yet")
        self._has_served = True


@asynccontextmanager
async def connect_peer(
    service: str, target: str, internal_key: str, *, timeout_s: float = REQUEST_TIMEOUT_S
) -> AsyncIterator[PeerChannel]:
    """Open a channel to a service at a gRPC target, which need not be up yet."""
    async with grpc.aio.insecure_channel(target, options=OPTIONS) as channel:
        yield PeerChannel(service, channel, internal_key, timeout_s)
