"""The writes of ingest without ingest: recorded once, then made again by eight bare writers."""

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
    """What ingest wrote for a load: by session, each batch's commit; and the projector's writes."""

    batches: dict[str, list[Transaction]] = field(default_factory=lambda: defaultdict(list))
    projector: list[Transaction | VectorWrite] = field(default_factory=list)

    def note(self, transaction: Transaction) -> None:
        """Keep a commit, without the checks that its place among others decides on."""
        bare = replace(transaction, checks={})
        session = next((key for key in bare.puts if key.startswith("session/")), None)
        (self.projector if session is None else self.batches[session]).append(bare)

    def of_project(self, project: str) -> Writes:
        """The same vector writes into collections of another project, which are new."""
        renamed = [
            replace(each, collection=_renamed(each.collection, project))
            if isinstance(each, VectorWrite)
            else each
            for each in self.projector
        ]
        return Writes(self.batches, renamed)


def _renamed(collection: Collection, project: str) -> Collection:
    return replace(collection, space=replace(collection.space, project=project))


@contextmanager
def recorded(project: str) -> Iterator[Writes]:
    """All that is written for a project by embedded stores of this process."""
    writes = Writes()
    commit, write = SqliteLedger.commit, EdgeVectors.write

    async def noted_commit(ledger: SqliteLedger, transaction: Transaction) -> None:
        await commit(ledger, transaction)
        if transaction.partition == project:
            writes.note(transaction)

    async def noted_write(
        vectors: EdgeVectors, collection: Collection, tenant: str, points: Points
    ) -> None:
        await write(vectors, collection, tenant, points)
        writes.projector.append(VectorWrite(collection, tenant, points))

    with (
        patch.object(SqliteLedger, "commit", noted_commit),
        patch.object(EdgeVectors, "write", noted_write),
    ):
        yield writes


async def write_bare(
    ledger: Ledger, vectors: Vectors, writes: Writes, *, acknowledged_only: bool
) -> float:
    """Make the writes, a writer for each session and one for the projector; the seconds it took.

    Each writer awaits one before it begins the next.
    """
    projector: Sequence[Any] = () if acknowledged_only else writes.projector
    start = time.perf_counter()
    await asyncio.gather(
        *(_write(ledger, vectors, each) for each in [*writes.batches.values(), projector])
    )
    return time.perf_counter() - start


async def _write(ledger: Ledger, vectors: Vectors, writes: Sequence[Any]) -> None:
    for each in writes:
        if isinstance(each, VectorWrite):
            await vectors.write(each.collection, each.tenant, each.points)
        else:
            await ledger.commit(each)
