"""`python failing_ingest.py --port N`: ingest that a signal hits at a named call of its stores.

FAIL_AT is `SIGNAL:POINT:WHEN:NUMBER`, for example `SIGKILL:batch:after:3`: the signal hits after
the third call that commits a batch; empty: none does. The points are the steps of a batch and of
the projector, see `POINTS`; `projector` is any step of the latter. LEASE_S and PAGE_ENTRIES
replace the projector's own, so that tests need not wait for long nor submit much.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from services.ingest import background, lease, projector, wiring
from services.ingest.records import DECIDED
from services.ledger.interface import Entry, Ledger, Transaction
from services.records.stores import Stores
from services.vectors.interface import Collection, Points, Vectors

PROJECTOR: Final = ("look", "lease", "load", "decide", "write", "finish")
POINTS: Final = ("batch", *PROJECTOR)

IDLE_S: Final = 0.02
"""How soon a projector looks again: tests submit to one ingester what another will project."""


class Failpoint:
    """Counts the calls of one point, and sends the process its signal at one of them."""

    def __init__(self, spec: str) -> None:
        name, point, self._when, number = spec.split(":")
        self._signal = signal.Signals[name]
        self._points = PROJECTOR if point == "projector" else (point,)
        assert set(self._points) <= set(POINTS), point
        self._left = int(number)
        self._spec = spec

    def pass_by(self, point: str, when: str) -> None:
        """Say that the process is there; it may not come any further."""
        if point not in self._points or when != self._when:
            return
        self._left -= 1
        if not self._left:
            os.write(2, f"failpoint {self._spec} at {point}\n".encode())
            os.kill(os.getpid(), self._signal)


class FailingLedger:
    """A ledger with a failpoint before and after what it does."""

    def __init__(self, ledger: Ledger, failpoint: Failpoint) -> None:
        self._ledger = ledger
        self._failpoint = failpoint

    def __getattr__(self, name: str) -> Any:
        """What cannot fail here."""
        return getattr(self._ledger, name)

    async def scan(
        self, partition: str, prefix: str, *, after: str = "", limit: int
    ) -> list[Entry]:
        """See `Ledger.scan`."""
        page = await self._ledger.scan(partition, prefix, after=after, limit=limit)
        if page and prefix == "outbox/":  # most looks of an idle projector find nothing
            self._failpoint.pass_by("look", "after")
        return page

    async def commit(self, transaction: Transaction) -> None:
        """See `Ledger.commit`."""
        point = point_of(transaction)
        self._failpoint.pass_by(point, "before")
        await self._ledger.commit(transaction)
        self._failpoint.pass_by(point, "after")


class FailingVectors:
    """Vectors with a failpoint before and after what they do."""

    def __init__(self, vectors: Vectors, failpoint: Failpoint) -> None:
        self._vectors = vectors
        self._failpoint = failpoint

    def __getattr__(self, name: str) -> Any:
        """What cannot fail here."""
        return getattr(self._vectors, name)

    async def read(self, collection: Collection, tenant: str) -> Points:
        """See `Vectors.read`."""
        self._failpoint.pass_by("load", "before")
        points = await self._vectors.read(collection, tenant)
        self._failpoint.pass_by("load", "after")
        return points

    async def write(self, collection: Collection, tenant: str, points: Points) -> None:
        """See `Vectors.write`."""
        self._failpoint.pass_by("write", "before")
        await self._vectors.write(collection, tenant, points)
        self._failpoint.pass_by("write", "after")


def point_of(transaction: Transaction) -> str:
    """Which step a transaction is, "" for one of no interest."""
    puts: Mapping[str, bytes] = transaction.puts
    if lease.LEASE in puts:
        return "lease"
    if DECIDED in puts:
        return "decide"
    if DECIDED in transaction.deletes:
        return "finish"
    return "batch" if any(key.startswith("session/") for key in puts) else ""


def install(environment: Mapping[str, str]) -> None:
    """Have `services.ingest` work on stores that fail."""
    lease.DURATION_US = round(float(environment["LEASE_S"]) * 1e6)
    background.IDLE_S = IDLE_S
    projector.PAGE_ENTRIES = int(environment["PAGE_ENTRIES"])
    if environment["FAIL_AT"]:
        _wrap_stores(Failpoint(environment["FAIL_AT"]))


def _wrap_stores(failpoint: Failpoint) -> None:
    servicers = wiring.servicers

    @asynccontextmanager
    async def failing(stores: Stores, *others: Any, **options: Any) -> AsyncIterator[Sequence[Any]]:
        ledger: Any = FailingLedger(stores.ledger, failpoint)
        vectors: Any = FailingVectors(stores.vectors, failpoint)
        stores = replace(stores, ledger=ledger, vectors=vectors)
        async with servicers(stores, *others, **options) as started:
            yield started

    wiring.servicers = failing  # type: ignore[assignment]


if __name__ == "__main__":
    install(os.environ)
    from services.ingest.__main__ import _serve
    from services.server.cluster_settings import IngestSettings
    from services.server.command import run_server

    sys.exit(run_server("ingest", "Fails.", IngestSettings, _serve))
