"""The embedded vector store: the Qdrant engine in this process, in a folder of its own."""

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
from services.vectors.edge.shard import Shard, no_points, shard_folders
from services.vectors.interface import Collection, Hit, Points
from services.vectors.payloads import encode_payload
from sluice.errors import FailedPrecondition, ResourceExhausted, SluiceError, Unavailable

MIN_FREE_BYTES: Final = 256 * 2**20
"""Free disk below which nothing is written: on a full disk the engine takes the process with it."""

_RETRY_AFTER_S = 5.0

_Result = TypeVar("_Result")


class EdgeVectors:
    """`Vectors` on `qdrant_edge`: one shard per collection, all calls from one thread, in turn.

    A failure of the engine is raised as errors.Unavailable with its cause; a disk almost full as
    errors.ResourceExhausted.
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
        """The store in that folder, with every shard loaded and tidied up.

        Raises errors.FailedPrecondition when the folder is open already, here or elsewhere.
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
        nothing = no_points(collection)
        return await self._ask(collection, lambda shard: shard.read(tenant), nothing)

    async def read_page(
        self, collection: Collection, tenant: str, *, after: UUID | None, limit: int
    ) -> Points:
        """Up to `limit` points of the tenant whose id is greater than `after`, ordered by id."""
        nothing = no_points(collection)
        return await self._ask(
            collection, lambda shard: shard.read_page(tenant, after, limit), nothing
        )

    async def collections(self, project: str) -> list[Collection]:
        """All collections of the project's spaces that were ever written to, in a fixed order."""
        found = await self._run(lambda: list(self._shards))
        return sorted((c for c in found if c.space.project == project), key=astuple)

    async def tenants(self, collection: Collection) -> list[str]:
        """The tenants that have points in the collection, sorted."""
        return await self._ask(collection, lambda shard: shard.tenants(), [])

    async def retrieve(self, collection: Collection, tenant: str, ids: Sequence[UUID]) -> Points:
        """Those of the points that the tenant has, in the order asked for."""
        nothing = no_points(collection)
        return await self._ask(collection, lambda shard: shard.retrieve(tenant, ids), nothing)

    async def count(self, collection: Collection, tenant: str) -> int:
        """How many points the tenant has."""
        return await self._ask(collection, lambda shard: shard.count(tenant), 0)

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
        return await self._ask(
            collection, lambda shard: shard.search(tenant, query, limit, exact=exact), []
        )

    async def delete(self, collection: Collection, tenant: str, ids: Sequence[UUID]) -> None:
        """Remove those points of the tenant; durable when this returns."""
        await self._ask(collection, lambda shard: shard.delete(tenant, ids), None)

    async def delete_tenant(self, collection: Collection, tenant: str) -> None:
        """Remove all points of the tenant; durable when this returns."""
        await self._ask(collection, lambda shard: shard.delete_tenant(tenant), None)

    async def close(self) -> None:
        """Finish what is under way and release the store; closing it twice changes nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._submit(self._close)
        finally:
            self._thread.shutdown(wait=False)
            os.close(self._lock)

    async def _ask(
        self, collection: Collection, job: Callable[[Shard], _Result], nothing: _Result
    ) -> _Result:
        def ask() -> _Result:
            shard = self._shards.get(collection)
            return nothing if shard is None else job(shard)

        return await self._run(ask)

    async def _run(self, job: Callable[[], _Result]) -> _Result:
        if self._closed:
            raise Unavailable("vectors: the store is closed")
        return await self._submit(job)

    def _submit(self, job: Callable[[], _Result]) -> asyncio.Future[_Result]:
        return asyncio.get_running_loop().run_in_executor(self._thread, _translated, job)

    def _load(self) -> None:
        for folder in shard_folders(self._root):
            shard = Shard.load(folder)
            self._shards[shard.collection] = shard
            shard.optimize()

    def _write(self, collection: Collection, tenant: str, points: Points) -> None:
        check_points(collection, points)
        texts = [
            encode_payload(payload, f"points.payloads[{row}]")
            for row, payload in enumerate(points.payloads)
        ]
        self._check_disk()
        if collection not in self._shards:
            self._shards[collection] = Shard.create(self._root, collection)
        self._shards[collection].write(tenant, points, texts)

    def _check_disk(self) -> None:
        free = shutil.disk_usage(self._root).free
        if free < self._min_free_bytes:
            raise ResourceExhausted(
                f"vectors: {free} bytes of disk are free at {self._root}, "
                f"at least {self._min_free_bytes} are needed to write",
                metadata={"limit": str(self._min_free_bytes)},
            )

    def _close(self) -> None:
        for shard in self._shards.values():
            shard.close()


def _translated(job: Callable[[], _Result]) -> _Result:
    try:
        return job()
    except SluiceError:
        raise
    except BaseException as cause:  # a panic of the engine is no Exception
        message = f"vectors: the engine failed: {cause}"
        raise Unavailable(message, retry_after_s=_RETRY_AFTER_S) from cause


def _lock(root: Path) -> int:
    root.mkdir(parents=True, exist_ok=True)
    handle = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as cause:
        os.close(handle)
        raise FailedPrecondition(f"vectors: {root} is already open in some process") from cause
    return handle
