"""The embedded vector store: the Qdrant engine in this process, on a folder."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path
from typing import Final, Self, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.vectors.checks import check_points, check_search
from services.vectors.edge.shard import Shard, list_shard_folders
from services.vectors.interface import Collection, Hit, Points
from services.vectors.payloads import encode_payloads
from services.vectors.points import empty_points
from sluice.errors import FailedPrecondition, ResourceExhausted, SluiceError, Unavailable

MIN_FREE_BYTES: Final = 256 * 2**20
"""Free disk space below which writes are rejected: on a full disk the engine ends the process."""

_RETRY_AFTER_S = 5.0

_Result = TypeVar("_Result")


class EdgeVectors:
    """`Vectors` on `qdrant_edge`: one shard per collection, all calls from one thread.

    Raises errors.Unavailable when the engine fails, with the cause, and errors.ResourceExhausted
    when the disk is almost full.
    """

    def __init__(self, root: Path, *, min_free_bytes: int, lock: int) -> None:
        self._root = root
        self._min_free_bytes = min_free_bytes
        self._lock = lock
        self._shards: dict[Collection, Shard] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vectors")
        self._closed = False

    @classmethod
    async def open(cls, root: Path, *, min_free_bytes: int = MIN_FREE_BYTES) -> Self:
        """The store in that folder, with every shard loaded and optimized.

        Raises errors.FailedPrecondition when this or another process has the folder open.
        """
        store = cls(root, min_free_bytes=min_free_bytes, lock=_lock(root))
        try:
            await store._run(store._load)
        except BaseException:
            await store.close()
            raise
        return store

    async def write(self, collection: Collection, tenant: str, points: Points) -> None:
        """Insert or replace points; durable when this returns, and harmless to repeat."""
        await self._run(lambda: self._write(collection, tenant, points))

    async def read(self, collection: Collection, tenant: str) -> Points:
        """All points of the tenant, ordered by id."""
        empty = empty_points(collection)
        return await self._query(collection, lambda shard: shard.read(tenant), empty)

    async def read_page(
        self, collection: Collection, tenant: str, *, after: UUID | None, limit: int
    ) -> Points:
        """Up to `limit` points of the tenant with an id greater than `after`, ordered by id."""
        empty = empty_points(collection)
        return await self._query(
            collection, lambda shard: shard.read_page(tenant, after, limit), empty
        )

    async def collections(self, project: str) -> list[Collection]:
        """All collections of the project's spaces that were ever written to, in a fixed order."""
        collections = await self._run(lambda: list(self._shards))
        return sorted((c for c in collections if c.space.project == project), key=astuple)

    async def tenants(self, collection: Collection) -> list[str]:
        """The tenants that have points in the collection, sorted."""
        return await self._query(collection, lambda shard: shard.tenants(), [])

    async def retrieve(self, collection: Collection, tenant: str, ids: Sequence[UUID]) -> Points:
        """The tenant's points among `ids`, in that order."""
        empty = empty_points(collection)
        return await self._query(collection, lambda shard: shard.retrieve(tenant, ids), empty)

    async def count(self, collection: Collection, tenant: str) -> int:
        """The number of points of the tenant."""
        return await self._query(collection, lambda shard: shard.count(tenant), 0)

    async def search(
        self,
        collection: Collection,
        tenant: str,
        query: NDArray[np.float32],
        *,
        limit: int,
        exact: bool = False,
    ) -> list[Hit]:
        """The tenant's points with the largest inner product to the query, best first."""
        check_search(collection, query, limit)
        return await self._query(
            collection, lambda shard: shard.search(tenant, query, limit, exact=exact), []
        )

    async def delete(self, collection: Collection, tenant: str, ids: Sequence[UUID]) -> None:
        """Remove those points of the tenant; durable when this returns."""
        await self._query(collection, lambda shard: shard.delete(tenant, ids), None)

    async def delete_tenant(self, collection: Collection, tenant: str) -> None:
        """Remove all points of the tenant; durable when this returns."""
        await self._query(collection, lambda shard: shard.delete_tenant(tenant), None)

    async def drop(self, collection: Collection) -> None:
        """Remove a collection with its files; durable when this returns."""
        await self._run(lambda: self._drop(collection))

    async def close(self) -> None:
        """Finish running calls and release the store; a second call has no effect."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._submit(self._close)
        finally:
            self._thread.shutdown(wait=False)
            os.close(self._lock)

    async def _query(
        self, collection: Collection, job: Callable[[Shard], _Result], empty: _Result
    ) -> _Result:
        def query() -> _Result:
            shard = self._shards.get(collection)
            return empty if shard is None else job(shard)

        return await self._run(query)

    async def _run(self, job: Callable[[], _Result]) -> _Result:
        if self._closed:
            raise Unavailable("vectors: the store is closed")
        return await self._submit(job)

    def _submit(self, job: Callable[[], _Result]) -> asyncio.Future[_Result]:
        return asyncio.get_running_loop().run_in_executor(self._thread, _translate_errors, job)

    def _load(self) -> None:
        for folder in list_shard_folders(self._root):
            shard = Shard.load(folder)
            self._shards[shard.collection] = shard
            shard.optimize()

    def _write(self, collection: Collection, tenant: str, points: Points) -> None:
        check_points(collection, points)
        texts = encode_payloads(points.payloads)
        self._check_disk()
        if collection not in self._shards:
            self._shards[collection] = Shard.create(self._root, collection)
        self._shards[collection].write(tenant, points, texts)

    def _drop(self, collection: Collection) -> None:
        if collection in self._shards:
            self._shards[collection].destroy(self._root)
            del self._shards[collection]

    def _check_disk(self) -> None:
        free = shutil.disk_usage(self._root).free
        if free < self._min_free_bytes:
            raise ResourceExhausted(
                f"vectors: {free} bytes of disk are free at {self._root}, "
                f"expected at least {self._min_free_bytes} for a write",
                metadata={"limit": str(self._min_free_bytes)},
            )

    def _close(self) -> None:
        for shard in self._shards.values():
            shard.close()


def _translate_errors(job: Callable[[], _Result]) -> _Result:
    try:
        return job()
    except SluiceError:
        raise
    except BaseException as cause:  # a panic of the engine is not an Exception
        message = f"vectors: the engine failed: {cause}"
        raise Unavailable(message, retry_after_s=_RETRY_AFTER_S) from cause


def _lock(root: Path) -> int:
    root.mkdir(parents=True, exist_ok=True)
    handle = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as cause:
        os.close(handle)
        raise FailedPrecondition(
            f"vectors: {root} is already open in this or another process"
        ) from cause
    return handle
