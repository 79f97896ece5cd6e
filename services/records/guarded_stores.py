"""Stores that refuse changes of deleted projects, whoever makes them.

A call that was under way when its project was deleted would otherwise store something that no
deletion sees. So each transaction checks that the project has no mark; and points are deleted again
if the mark is there after they are written. Blobs belong to no project: the doctor deletes those
that nothing references.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.ledger.interface import ABSENT, Conflict, Entry, Ledger, Transaction
from services.records.project_marks import MARK, deleted_error, is_marked
from services.records.stores import Stores
from services.vectors.interface import Collection, Hit, Points, Vectors


def guard_stores(stores: Stores) -> Stores:
    """The stores, guarded."""
    ledger = GuardedLedger(stores.ledger)
    return replace(stores, ledger=ledger, vectors=GuardedVectors(stores.vectors, ledger))


class GuardedLedger:
    """`Ledger` that raises NotFound for a change in a deleted project."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def get(self, partition: str, keys: Sequence[str]) -> dict[str, Entry]:
        """See `Ledger.get`."""
        return await self._ledger.get(partition, keys)

    async def scan(
        self, partition: str, prefix: str, *, after: str = "", limit: int
    ) -> list[Entry]:
        """See `Ledger.scan`."""
        return await self._ledger.scan(partition, prefix, after=after, limit=limit)

    async def counters(self, partition: str, names: Sequence[str]) -> dict[str, int]:
        """See `Ledger.counters`."""
        return await self._ledger.counters(partition, names)

    async def count_distinct(self, partition: str, names: Sequence[str]) -> int:
        """See `Ledger.count_distinct`."""
        return await self._ledger.count_distinct(partition, names)

    async def count_exactly(self, partition: str, names: Sequence[str]) -> int | None:
        """See `Ledger.count_exactly`."""
        return await self._ledger.count_exactly(partition, names)

    async def commit(self, transaction: Transaction) -> None:
        """See `Ledger.commit`; raises NotFound if the partition is a deleted project."""
        # Other partitions have ids that no project can have.
        if transaction.partition.startswith("_") or MARK in transaction.checks:
            await self._ledger.commit(transaction)
            return
        checks = {MARK: ABSENT, **transaction.checks}
        try:
            await self._ledger.commit(replace(transaction, checks=checks))
        except Conflict as conflict:
            if conflict.subject != MARK:
                raise
            raise deleted_error(transaction.partition) from conflict

    async def close(self) -> None:
        """See `Ledger.close`."""
        await self._ledger.close()


class GuardedVectors:
    """`Vectors` that raises NotFound for points of a deleted project, and keeps none."""

    def __init__(self, vectors: Vectors, ledger: Ledger) -> None:
        self._vectors = vectors
        self._ledger = ledger

    async def write(self, collection: Collection, tenant: str, points: Points) -> None:
        """See `Vectors.write`; raises NotFound if the project is deleted."""
        await self._vectors.write(collection, tenant, points)
        # A mark that comes later is followed by the removal of the points.
        if await is_marked(self._ledger, collection.space.project):
            await self._vectors.delete(collection, tenant, points.ids)
            raise deleted_error(collection.space.project)

    async def read(self, collection: Collection, tenant: str) -> Points:
        """See `Vectors.read`."""
        return await self._vectors.read(collection, tenant)

    async def read_page(
        self, collection: Collection, tenant: str, *, after: UUID | None, limit: int
    ) -> Points:
        """See `Vectors.read_page`."""
        return await self._vectors.read_page(collection, tenant, after=after, limit=limit)

    async def collections(self, project: str) -> list[Collection]:
        """See `Vectors.collections`."""
        return await self._vectors.collections(project)

    async def tenants(self, collection: Collection) -> list[str]:
        """See `Vectors.tenants`."""
        return await self._vectors.tenants(collection)

    async def retrieve(self, collection: Collection, tenant: str, ids: Sequence[UUID]) -> Points:
        """See `Vectors.retrieve`."""
        return await self._vectors.retrieve(collection, tenant, ids)

    async def count(self, collection: Collection, tenant: str) -> int:
        """See `Vectors.count`."""
        return await self._vectors.count(collection, tenant)

    async def search(
        self,
        collection: Collection,
        tenant: str,
        query: NDArray[np.float32],
        *,
        limit: int,
        exact: bool = False,
    ) -> list[Hit]:
        """See `Vectors.search`."""
        return await self._vectors.search(collection, tenant, query, limit=limit, exact=exact)

    async def delete(self, collection: Collection, tenant: str, ids: Sequence[UUID]) -> None:
        """See `Vectors.delete`."""
        await self._vectors.delete(collection, tenant, ids)

    async def delete_tenant(self, collection: Collection, tenant: str) -> None:
        """See `Vectors.delete_tenant`."""
        await self._vectors.delete_tenant(collection, tenant)

    async def drop(self, collection: Collection) -> None:
        """See `Vectors.drop`."""
        await self._vectors.drop(collection)

    async def close(self) -> None:
        """See `Vectors.close`."""
        await self._vectors.close()
