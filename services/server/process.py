"""The stores and the server that every process of a cluster needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import stamina
import structlog

from services.blobs.interface import Blobs
from services.blobs.opening import open_blobs
from services.ledger.interface import Ledger
from services.ledger.redis.ledger import RedisLedger
from services.server.cluster_settings import ClusterSettings
from services.server.draining import Draining
from services.server.keys import PARTITION, KeyStore
from services.server.readiness import Check
from services.server.server import Server
from sluice.errors import Unavailable

RETRY_INITIAL_S: Final = 0.1
RETRY_MAX_S: Final = 1.0
"""Longest pause between two attempts to reach a store at the start."""

_Store = TypeVar("_Store")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ClusterServer:
    """A started server of a cluster."""

    program: str
    target: str

    @property
    def greeting(self) -> str:
        """The announcement printed to stdout."""
        return f"{self.program} listens on {self.target}"


@dataclass(frozen=True, slots=True)
class ServiceHost:
    """The shared stores of a process, and the server for its servicers."""

    ledger: Ledger
    blobs: Blobs
    keys: KeyStore
    internal_key: str
    draining: Draining
    server: Server
    target: str

    @asynccontextmanager
    async def serve(
        self, program: str, servicers: Iterable[Any], checks: Mapping[str, Check]
    ) -> AsyncIterator[ClusterServer]:
        """Serve until left, healthy while the ledger answers and all `checks` pass."""
        try:
            await self.server.start(servicers, {"ledger": self._check_ledger, **checks})
            yield ClusterServer(program, self.target)
        finally:
            await self.server.stop()

    async def _check_ledger(self) -> None:
        await self.ledger.get(PARTITION, ["ready"])


@asynccontextmanager
async def open_service_host(settings: ClusterSettings) -> AsyncIterator[ServiceHost]:
    """Open the stores and bind the port.

    Raises Unavailable when a store stays away for too long, FailedPrecondition when it is
    misconfigured or the port is taken.
    """
    async with AsyncExitStack() as stack:
        url = settings.redis_url.get_secret_value()
        ledger = await open_with_retries(
            lambda: RedisLedger.open(url, start_patience_s=0), settings.start_patience_s
        )
        stack.push_async_callback(ledger.close)
        blobs = await asyncio.to_thread(open_blobs, settings.blobs)
        internal_key = settings.internal_key.get_secret_value()
        pepper = settings.pepper.get_secret_value().encode()
        keys = KeyStore(ledger, pepper=pepper, internal_token=internal_key)
        draining = Draining()
        server = Server(keys, draining, settings)
        port = server.bind(settings.host, settings.port)
        target = f"{settings.host}:{port}"
        yield ServiceHost(ledger, blobs, keys, internal_key, draining, server, target)


async def open_with_retries(
    open_store: Callable[[], Awaitable[_Store]], patience_s: float
) -> _Store:
    """Open a store, with retries while it cannot be reached: processes may start in any order.

    Raises the last Unavailable after `patience_s`.
    """
    if not patience_s:
        return await open_store()

    async def open_once() -> _Store:
        try:
            return await open_store()
        except Unavailable as error:
            log.warning("start.waiting", error=str(error))
            raise

    open_again = stamina.AsyncRetryingCaller(
        attempts=None,
        timeout=patience_s,
        wait_initial=RETRY_INITIAL_S,
        wait_max=RETRY_MAX_S,
        wait_jitter=RETRY_INITIAL_S,
    )
    return await open_again(Unavailable, open_once)
