"""What every process of a cluster stands on: the ledger, blobs, keys, and a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

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

PAUSE_S: Final = 1.0
"""How long between two attempts to reach a store at the start."""

_Opened = TypeVar("_Opened")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ServingProcess:
    """A process that serves."""

    program: str
    target: str

    @property
    def greeting(self) -> str:
        """Where it listens."""
        return f"{self.program} listens on {self.target}"


@dataclass(frozen=True, slots=True)
class Foundation:
    """The shared stores that every service needs, and the server that it will be served on."""

    ledger: Ledger
    blobs: Blobs
    keys: KeyStore
    internal_key: str
    draining: Draining
    server: Server
    target: str

    @asynccontextmanager
    async def serving(
        self, program: str, servicers: Iterable[Any], needs: Mapping[str, Check]
    ) -> AsyncIterator[ServingProcess]:
        """Serve these until left, healthy while the ledger and all of `needs` answer."""
        try:
            await self.server.start(servicers, {"ledger": self._ledger_answers, **needs})
            yield ServingProcess(program, self.target)
        finally:
            await self.server.stop()

    async def _ledger_answers(self) -> None:
        await self.ledger.get(PARTITION, ["ready"])


@asynccontextmanager
async def open_foundation(settings: ClusterSettings) -> AsyncIterator[Foundation]:
    """Open the stores and take the port.

    Raises Unavailable when a store stays away for too long, FailedPrecondition when it is not set
    up as it must be, or the port is taken.
    """
    async with AsyncExitStack() as stack:
        url = settings.redis_url.get_secret_value()
        ledger = await open_patiently(
            settings.start_patience_s, lambda: RedisLedger.open(url, start_patience_s=0)
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
        yield Foundation(ledger, blobs, keys, internal_key, draining, server, target)


async def open_patiently(
    patience_s: float, open_store: Callable[[], Awaitable[_Opened]]
) -> _Opened:
    """Open a store; one that cannot be reached is tried again, so that any may start first.

    Raises the last Unavailable once patience is over.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + patience_s
    while True:
        try:
            return await open_store()
        except Unavailable as error:
            if loop.time() + PAUSE_S > until:
                raise
            log.warning("start.waiting", error=str(error))
        await asyncio.sleep(PAUSE_S)
