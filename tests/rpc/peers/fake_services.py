"""gRPC servers around hand-written servicers, in place of other services."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2_grpc

from services.peers.channel import REQUEST_TIMEOUT_S, PeerChannel, connect_peer
from services.server.interceptors import ErrorInterceptor

KEY: Final = "the internal key"

AddServicer = Callable[[Any, grpc.aio.Server], None]


async def start_server(
    *servicers: tuple[AddServicer, Any], port: int = 0
) -> tuple[grpc.aio.Server, int]:
    """Start a server with those servicers; returns it and its port."""
    server = grpc.aio.server(interceptors=[ErrorInterceptor()], options=[("grpc.so_reuseport", 0)])
    for add, servicer in servicers:
        add(servicer, server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    return server, port


@asynccontextmanager
async def serve_fake(*servicers: tuple[AddServicer, Any]) -> AsyncIterator[str]:
    """Serve until left; yields the target."""
    server, port = await start_server(*servicers)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@asynccontextmanager
async def connect_fake(
    *servicers: tuple[AddServicer, Any], timeout_s: float = REQUEST_TIMEOUT_S
) -> AsyncIterator[PeerChannel]:
    """A channel to those servicers, in place of the campaign service."""
    async with (
        serve_fake(*servicers) as target,
        connect_peer("campaign", target, KEY, timeout_s=timeout_s) as peer,
    ):
        yield peer


def with_health(servicer: health.aio.HealthServicer) -> tuple[AddServicer, Any]:
    """A health service as one of the servicers."""
    return health_pb2_grpc.add_HealthServicer_to_server, servicer


def check_key(context: Any) -> None:
    """Fail unless the call carries the services' shared key."""
    assert ("authorization", f"Bearer {KEY}") in context.invocation_metadata()
