"""The gRPC server of every process, on one screen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.server.auth import AuthorisationInterceptor
from services.server.draining import Draining
from services.server.interceptors import ErrorInterceptor, Interceptor, LoggingInterceptor
from services.server.keys import KeyStore
from services.server.readiness import Check, Readiness
from services.server.registry import register
from services.server.settings import ServerSettings
from sluice.errors import FailedPrecondition
from sluice.limits import MESSAGE_BYTES_MAX

UNREAD_BYTES_MAX: Final = 2**20
"""Limit on unread bytes of a stream, apart from the message that is being read."""

OPTIONS: Final = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    # A logger without a network must not hold a stream for ever; an idle one may.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Clients ping to measure the network too, most often when they read slowly. gRPC would treat
    # three such pings in ten seconds as an attack, and end all calls of the connection.
    ("grpc.http2.max_ping_strikes", 0),
    # Unread bytes of a stream take memory here. gRPC lets them grow with the speed of the network,
    # to 5 MiB and more for each of the many streams that may stall.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", UNREAD_BYTES_MAX),
    # Otherwise a second server on the same port would get half of the calls of the first.
    ("grpc.so_reuseport", 0),
]

_NO_CHECKS: Final[Mapping[str, Check]] = MappingProxyType({})


def build_interceptors(keys: KeyStore, settings: ServerSettings) -> list[Interceptor]:
    """All interceptors, the outermost first; the order matters.

    Logging is around errors, since the record of a call has the status that the caller gets;
    errors are around authorisation, since a refused key is an error like any other.
    """
    return [
        LoggingInterceptor(),
        ErrorInterceptor(),
        AuthorisationInterceptor(keys, streams_per_key_max=settings.streams_per_key_max),
    ]


class Server:
    """Serves on a port, reports its health, and stops without losing calls under way."""

    def __init__(self, keys: KeyStore, draining: Draining, settings: ServerSettings) -> None:
        self._server = grpc.aio.server(
            interceptors=build_interceptors(keys, settings), options=OPTIONS
        )
        self._health = health.aio.HealthServicer()
        self._draining = draining
        self._grace_s = settings.grace_s
        self._readiness: Readiness | None = None

    def bind(self, host: str, port: int) -> int:
        """Take the port, 0 for any that is free; returns it.

        Raises FailedPrecondition when the port is taken.
        """
        address = f"{host}:{port}"
        try:
            return self._server.add_insecure_port(address)
        except RuntimeError as cause:
            raise FailedPrecondition(
                f"port {port}: cannot listen on {address}; is another server running there?"
            ) from cause

    async def start(
        self, servicers: Iterable[Any], checks: Mapping[str, Check] = _NO_CHECKS
    ) -> None:
        """Serve these servicers, with health and reflection.

        They are healthy while all `checks` pass. The health service itself is always healthy, so
        that no process is restarted because a store is down.
        """
        names = [register(servicer, self._server) for servicer in servicers]
        await self._health.set(health.SERVICE_NAME, health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflected = [*names, health.SERVICE_NAME, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(reflected, self._server)
        self._readiness = Readiness(checks, partial(self._report_health, names))
        await self._server.start()
        await self._readiness.start()

    async def stop(self) -> None:
        """Refuse new calls, drain streams, and wait for other calls up to the grace period."""
        if self._readiness is not None:
            await self._readiness.close()
        await self._health.enter_graceful_shutdown()
        self._draining.start()
        await self._server.stop(self._grace_s)

    async def _report_health(self, names: Iterable[str], ready: bool) -> None:
        status = health_pb2.HealthCheckResponse
        for name in ("", *names):
            await self._health.set(name, status.SERVING if ready else status.NOT_SERVING)
