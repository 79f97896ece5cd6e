"""Pausing the projector during a repair or a deletion."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final
from uuid import uuid4

from services.ingest.context import Ingest
from services.ingest.lease import Fence, release, renew, seize
from services.ledger.interface import Add, Conflict, Ledger, Transaction

OWNER: Final = "pause"

RENEWAL_INTERVAL_S: Final = 3.0
"""Interval at which the lease is renewed: well before others consider it abandoned."""


class ProjectorPause:
    """A project's projector lease, held by a doctor or a deletion: meanwhile nothing is decided.

    Commits through it fail once the lease is lost. It excludes others that pause it too, so that a
    difference measured under it is repaired only once.
    """

    def __init__(self, ledger: Ledger, project: str, owner: str, fence: Fence) -> None:
        self._ledger = ledger
        self._project = project
        self._owner = owner
        self._fence = fence
        self._lock = asyncio.Lock()

    async def keep_alive(self, now_us: Callable[[], int], interval_s: float) -> None:
        """Renew the lease at an interval until it is lost."""
        while True:
            await asyncio.sleep(interval_s)
            async with self._lock:
                fence = await renew(self._ledger, self._project, self._owner, self._fence, now_us)
                if fence is None:
                    return
                self._fence = fence

    async def release(self) -> None:
        """Free the lease, so that the projector continues at once."""
        await release(self._ledger, self._project, self._owner, self._fence)

    async def commit(
        self,
        *,
        checks: Mapping[str, int] | None = None,
        puts: Mapping[str, bytes] | None = None,
        deletes: list[str] | None = None,
        adds: Mapping[str, int] | None = None,
    ) -> bool:
        """Commit if all checks hold and the lease is still held; whether it was committed."""
        async with self._lock:
            transaction = Transaction(
                self._project,
                checks={**self._fence.checks, **(checks or {})},
                puts=puts or {},
                deletes=deletes or [],
                adds={name: Add(delta) for name, delta in (adds or {}).items()},
            )
            try:
                await self._ledger.commit(transaction)
            except Conflict:
                return False
            return True


@asynccontextmanager
async def pause_projector(
    ingest: Ingest, project: str, *, renewal_interval_s: float = RENEWAL_INTERVAL_S
) -> AsyncIterator[ProjectorPause | None]:
    """Hold the projector's lease while the block runs; yields None if it cannot be taken."""
    ledger = ingest.stores.ledger
    # A unique name: another pause with the same name would consider this lease its own.
    owner = f"{OWNER} {uuid4()}"
    fence = await seize(ledger, project, owner, ingest.now_us)
    if fence is None:
        yield None
        return
    pause = ProjectorPause(ledger, project, owner, fence)
    renewal = asyncio.create_task(pause.keep_alive(ingest.now_us, renewal_interval_s))
    try:
        yield pause
    finally:
        renewal.cancel()
        # Errors are ignored: a lease that could not be renewed is lost, and commits under it fail.
        await asyncio.gather(renewal, return_exceptions=True)
        await pause.release()
