"""The writes of ingest without ingest: recorded once, then repeated by eight bare writers."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

from services.ledger.interface import Ledger, Transaction
from services.ledger.sqlite.ledger import SqliteLedger
from services.vectors.edge.vectors import EdgeVectors
from services.vectors.interface import Collection, Points, Vectors


@dataclass(frozen=True, slots=True)
class VectorWrite:
    """One call of `Vectors.write`."""

    collection: Collection
    tenant: str
    points: Points


@dataclass
class Writes:
    """The writes of ingest for a load: the commits of batches by session, and the projector's."""

    batches: dict[str, list[Transaction]] = field(default_factory=lambda: defaultdict(list))
    projector: list[Transaction | VectorWrite] = field(default_factory=list)

    def add(self, transaction: Transaction) -> None:
        """Add a commit without its checks, which depend on the order of commits."""
        bare = replace(transaction, checks={})
        session = next((key for key in bare.puts if key.startswith("session/")), None)
        (self.projector if session is None else self.batches[session]).append(bare)

    def of_project(self, project: str) -> Writes:
        """The same vector writes into collections of another project, which are new."""
        renamed = [
            replace(write, collection=_with_project(write.collection, project))
            if isinstance(write, VectorWrite)
            else write
            for write in self.projector
        ]
        return Writes(self.batches, renamed)


def _with_project(collection: Collection, project: str) -> Collection:
    return replace(collection, space=replace(collection.space, project=project))


@contextmanager
def record_writes(project: str) -> Iterator[Writes]:
    """Record all writes for a project by embedded stores of this process."""
    writes = Writes()
    commit, write = SqliteLedger.commit, EdgeVectors.write

    async def recording_commit(ledger: SqliteLedger, transaction: Transaction) -> None:
        await commit(ledger, transaction)
        if transaction.partition == project:
            writes.add(transaction)

    async def recording_write(
        vectors: EdgeVectors, collection: Collection, tenant: str, points: Points
    ) -> None:
        await write(vectors, collection, tenant, points)
        writes.projector.append(VectorWrite(collection, tenant, points))

    with (
        patch.object(SqliteLedger, "commit", recording_commit),
        patch.object(EdgeVectors, "write", recording_write),
    ):
        yield writes


async def write_bare(
    ledger: Ledger, vectors: Vectors, writes: Writes, *, acknowledged_only: bool
) -> float:
    """Repeat the writes, with a writer per session and one for the projector; the seconds taken.

    Each writer awaits a write before it starts the next.
    """
    projector: Sequence[Any] = () if acknowledged_only else writes.projector
    start = time.perf_counter()
    await asyncio.gather(
        *(_write(ledger, vectors, part) for part in [*writes.batches.values(), projector])
    )
    return time.perf_counter() - start


async def _write(ledger: Ledger, vectors: Vectors, writes: Sequence[Any]) -> None:
    for write in writes:
        if isinstance(write, VectorWrite):
            await vectors.write(write.collection, write.tenant, write.points)
        else:
            await ledger.commit(write)
