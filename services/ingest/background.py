"""The projector in the background: wakes when a batch brought matches, and now and then anyway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from services.ingest.projector import Projector
from services.ingest.projects import projects_with_sessions
from services.ledger.interface import Ledger

IDLE_S = 1.0
"""How long to sleep when nothing waits: another process may have filled an outbox."""

BACKOFF_S = 5.0
"""How long a project waits after a failure, of the vector store for example."""

log = structlog.get_logger()


class BackgroundProjector:
    """Empties the outboxes of all projects until it is cancelled."""

    def __init__(self, ledger: Ledger, projector: Projector) -> None:
        self._ledger = ledger
        self._projector = projector
        self._woken = asyncio.Event()
        self._waits_until: dict[str, float] = {}

    def wake(self) -> None:
        """Say that an outbox has something."""
        self._woken.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work in the background until left; a page that is cut off is brought to its end later."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            if not await self._round():
                # Not wait_for, which may lose the cancellation that ends this, see redis_server.
                with suppress(TimeoutError):
                    async with asyncio.timeout(IDLE_S):
                        await self._woken.wait()

    async def _round(self) -> bool:
        """One page of each project: neither a busy nor a failing one holds up the others."""
        decided = 0
        for project in await projects_with_sessions(self._ledger):
            decided += await self._step(project)
        return decided > 0

    async def _step(self, project: str) -> int:
        now = asyncio.get_running_loop().time()
        if now < self._waits_until.get(project, now):
            return 0
        try:
            return await self._projector.step(project)
        except Exception:
            log.exception("projector.failed", project=project)
            self._waits_until[project] = now + BACKOFF_S
            return 0
