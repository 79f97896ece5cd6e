"""Keeping the projector still while something is mended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final
from uuid import uuid4

from services.ingest.context import Ingest
from services.ingest.lease import release, seize
from services.ledger.interface import Add, Conflict, Transaction

OWNER: Final = "doctor"

DURATION_US: Final = 30_000_000
"""How long the projector waits at most when whoever mends dies over it."""


class Standstill:
    """Nothing is decided while this is held; what is committed through it is void once it is not.

    It keeps other doctors away too, so what was measured under it is mended once.
    """

    def __init__(self, ingest: Ingest, project: str, checks: Mapping[str, int]) -> None:
        self._ledger = ingest.stores.ledger
        self._project = project
        self._checks = checks

    async def commit(
        self,
        *,
        checks: Mapping[str, int] | None = None,
        puts: Mapping[str, bytes] | None = None,
        deletes: list[str] | None = None,
        adds: Mapping[str, int] | None = None,
    ) -> bool:
        """Commit if all checks hold and this is still held; whether it was done."""
        transaction = Transaction(
            self._project,
            checks={**self._checks, **(checks or {})},
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
async def standstill(ingest: Ingest, project: str) -> AsyncIterator[Standstill | None]:
    """Take the projector's lease for a moment; None when it cannot be had."""
    ledger = ingest.stores.ledger
    # A name of its own: two doctors of one name would each take the other's lease for theirs.
    owner = f"{OWNER} {uuid4()}"
    fence = await seize(ledger, project, owner, ingest.now_us, DURATION_US)
    if fence is None:
        yield None
        return
    try:
        yield Standstill(ingest, project, fence.checks)
    finally:
        await release(ledger, project, owner, fence)
