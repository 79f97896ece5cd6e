"""Runs the projector in the background: when a batch has added matches, and at intervals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from services.ingest.projector import Projector
from services.ingest.projects import list_projects
from services.ledger.interface import Ledger

IDLE_S = 1.0
"""How long to sleep when all outboxes are empty: another process may add entries meanwhile."""

BACKOFF_S = 5.0
"""How long a project is skipped after a failure, of the vector store for example."""

log = structlog.get_logger()


class BackgroundProjector:
    """Empties the outboxes of all projects until it is cancelled."""

    def __init__(self, ledger: Ledger, projector: Projector) -> None:
        self._ledger = ledger
        self._projector = projector
        self._woken = asyncio.Event()
        self._skipped_until: dict[str, float] = {}

    def wake(self) -> None:
        """Start the next round now: an outbox has new entries."""
        self._woken.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run until the block is left; a page that is interrupted is completed by a later run."""
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
            if not await self._run_round():
                # Not wait_for: it may swallow the cancellation that ends this task.
                with suppress(TimeoutError):
                    async with asyncio.timeout(IDLE_S):
                        await self._woken.wait()

    async def _run_round(self) -> bool:
        """Process one page of each project; whether any had work.

        Neither a busy nor a failing project holds up the others.
        """
        decided = 0
        for project in await list_projects(self._ledger):
            decided += await self._run_step(project)
        return decided > 0

    async def _run_step(self, project: str) -> int:
        now = asyncio.get_running_loop().time()
        if now < self._skipped_until.get(project, now):
            return 0
        try:
            return await self._projector.step(project)
        except Exception:
            log.exception("projector.failed", project=project)
            self._skipped_until[project] = now + BACKOFF_S
            return 0
