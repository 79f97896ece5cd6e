"""Keeping the projector still while something is mended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final
from uuid import uuid4

from services.ingest.context import Ingest
from services.ingest.lease import Fence, release, renew, seize
from services.ledger.interface import Add, Conflict, Ledger, Transaction

OWNER: Final = "doctor"

RENEWED_AFTER_S: Final = 3.0
"""How often the lease is renewed: well within what others take for abandoned."""


class Standstill:
    """Nothing is decided while this is held; what is committed through it is void once it is not.

    It keeps other doctors away too, so what was measured under it is mended once.
    """

    def __init__(self, ledger: Ledger, project: str, owner: str, fence: Fence) -> None:
        self._ledger = ledger
        self._project = project
        self._owner = owner
        self._fence = fence
        self._turn = asyncio.Lock()

    async def keep(self, now_us: Callable[[], int], every_s: float) -> None:
        """Renew the lease for as long as it is held."""
        while True:
            await asyncio.sleep(every_s)
            async with self._turn:
                owner, held = self._owner, self._fence
                renewed = await renew(self._ledger, self._project, owner, held, now_us)
                if renewed is None:
                    return
                self._fence = renewed

    async def release(self) -> None:
        """Let the projector go on at once."""
        await release(self._ledger, self._project, self._owner, self._fence)

    async def commit(
        self,
        *,
        checks: Mapping[str, int] | None = None,
        puts: Mapping[str, bytes] | None = None,
        deletes: list[str] | None = None,
        adds: Mapping[str, int] | None = None,
    ) -> bool:
        """Commit if all checks hold and this is still held; whether it was done."""
        async with self._turn:
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
async def standstill(
    ingest: Ingest, project: str, *, renewed_after_s: float = RENEWED_AFTER_S
) -> AsyncIterator[Standstill | None]:
    """Take the projector's lease for as long as this is entered; None when it cannot be had."""
    ledger = ingest.stores.ledger
    # A name of its own: two doctors of one name would each take the other's lease for theirs.
    owner = f"{OWNER} {uuid4()}"
    fence = await seize(ledger, project, owner, ingest.now_us)
    if fence is None:
        yield None
        return
    still = Standstill(ledger, project, owner, fence)
    keeper = asyncio.create_task(still.keep(ingest.now_us, renewed_after_s))
    try:
        yield still
    finally:
        keeper.cancel()
        # Whatever ended it: a lease that could not be renewed is lost, which every commit notices.
        await asyncio.gather(keeper, return_exceptions=True)
        await still.release()
