"""The vector store of the cluster form: a Qdrant server, or several that act as one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from typing import Final, Literal, Self, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from qdrant_client import grpc as q

from services.vectors.checks import check_points, check_search
from services.vectors.interface import Collection, Hit, Points
from services.vectors.naming import collection_digest
from services.vectors.payloads import TENANT_KEY, encode_payload
from services.vectors.qdrant import messages
from services.vectors.qdrant.collections import CollectionLayout, Collections
from services.vectors.qdrant.server import VERSION_MIN, Calls, RetryPolicy, Tls
from sluice.errors import NotFound, Unavailable

Consistency = Literal["all", "majority", "quorum"]
"""Which replicas have to agree on what is read, where a collection has several."""

_TENANTS_MAX: Final = 1_000_000  # more than there are: the server wants a number
_LAYOUT: Final = CollectionLayout()
_PATIENCE: Final = RetryPolicy()
_CONSISTENCY: Final = {
    "all": q.ReadConsistencyType.All,
    "majority": q.ReadConsistencyType.Majority,
    "quorum": q.ReadConsistencyType.Quorum,
}

# All writes of a point go through one replica and so reach all of them in one order; when it dies,
# another takes over. Strong would refuse writes until the first one is back.
_ORDERING: Final = q.WriteOrdering(type=q.WriteOrderingType.Medium)

_Result = TypeVar("_Result")


class QdrantVectors:
    """`Vectors` on a Qdrant server; any number of processes may share it.

    A write is in effect on the server when it returns. What fails in passing is tried again, since
    every call may be repeated; once patience is over, it is errors.Unavailable.
    """

    def __init__(self, calls: Calls, layout: CollectionLayout, consistency: Consistency) -> None:
        self._calls = calls
        self._collections = Collections(calls, layout)
        self._consistency = q.ReadConsistency(type=_CONSISTENCY[consistency])
        self._closed = False
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        api_key: str | None = None,
        tls: Tls | None = None,
        layout: CollectionLayout = _LAYOUT,
        read_consistency: Consistency = "majority",
        retry_policy: RetryPolicy = _PATIENCE,
        version_min: tuple[int, int] = VERSION_MIN,
    ) -> Self:
        """The store at `url`: `http://host:6334`, or `https://` for TLS.

        A server that cannot be reached yet is no error; its version is checked by the first call
        that reaches it. Raises errors.FailedPrecondition for a server older than `version_min`.
        """
        calls = Calls(
            url, api_key=api_key, tls=tls, retry_policy=retry_policy, version_min=version_min
        )
        store = cls(calls, layout, read_consistency)
        try:
            await store.check()
        except Unavailable:
            pass
        except BaseException:
            await store.close()
            raise
        return store

    async def check(self) -> None:
        """Ask the server for its version, once and without patience.

        Raises errors.Unavailable when it does not answer, and errors.FailedPrecondition when it
        is too old.
        """
        await self._run(self._calls.check)

    async def write(self, collection: Collection, tenant: str, points: Points) -> None:
        """Insert or replace points; durable when this returns, and harmless to repeat."""
        check_points(collection, points)
        texts = [
            encode_payload(payload, f"points.payloads[{row}]")
            for row, payload in enumerate(points.payloads)
        ]
        await self._run(lambda: self._write(collection, tenant, points, texts))

    async def read(self, collection: Collection, tenant: str) -> Points:
        """All points of the tenant, ordered by id."""
        nothing = messages.points(collection, [])
        return await self._ask(collection, lambda: self._read(collection, tenant), nothing)

    async def read_page(
        self, collection: Collection, tenant: str, *, after: UUID | None, limit: int
    ) -> Points:
        """Up to `limit` points of the tenant whose id is greater than `after`, ordered by id."""
        nothing = messages.points(collection, [])
        return await self._ask(
            collection, lambda: self._read_page(collection, tenant, after, limit), nothing
        )

    async def collections(self, project: str) -> list[Collection]:
        """All collections of the project's spaces that were ever written to, in a fixed order."""
        found = await self._run(self._collections.all)
        return sorted((c for c in found if c.space.project == project), key=astuple)

    async def tenants(self, collection: Collection) -> list[str]:
        """The tenants that have points in the collection, sorted."""
        return await self._ask(collection, lambda: self._tenants(collection), [])

    async def retrieve(self, collection: Collection, tenant: str, ids: Sequence[UUID]) -> Points:
        """Those of the points that the tenant has, in the order asked for."""
        nothing = messages.points(collection, [])
        return await self._ask(collection, lambda: self._retrieve(collection, tenant, ids), nothing)

    async def count(self, collection: Collection, tenant: str) -> int:
        """How many points the tenant has."""
        return await self._ask(collection, lambda: self._count(collection, tenant), 0)

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
        request = q.QueryPoints(
            collection_name=collection_digest(collection),
            query=q.Query(nearest=q.VectorInput(dense=messages.dense(query))),
            filter=messages.of(tenant),
            limit=limit,
            params=q.SearchParams(exact=exact),
            with_payload=messages.WITH_PAYLOAD,
            read_consistency=self._consistency,
        )
        return await self._ask(collection, lambda: self._search(request), [])

    async def delete(self, collection: Collection, tenant: str, ids: Sequence[UUID]) -> None:
        """Remove those points of the tenant; durable when this returns."""
        filters = [messages.of(tenant, messages.one_of(page)) for page in messages.paged(ids)]
        await self._ask(collection, lambda: self._delete(collection, filters), None)

    async def delete_tenant(self, collection: Collection, tenant: str) -> None:
        """Remove all points of the tenant; durable when this returns."""
        filters = [messages.of(tenant)]
        await self._ask(collection, lambda: self._delete(collection, filters), None)

    async def close(self) -> None:
        """Finish what is under way and end the connection; closing it twice changes nothing."""
        self._closed = True
        await self._idle.wait()
        await self._calls.close()

    async def _write(
        self, collection: Collection, tenant: str, points: Points, texts: Sequence[str]
    ) -> None:
        await self._collections.ensure(collection)
        for page in messages.structs(tenant, points, texts):
            request = q.UpsertPoints(
                collection_name=collection_digest(collection),
                wait=True,
                points=page,
                ordering=_ORDERING,
            )
            try:
                await self._calls.update("Points/Upsert", request)
            except NotFound as error:
                raise self._gone(collection) from error

    async def _read(self, collection: Collection, tenant: str) -> Points:
        pages: list[Points] = []
        offset: q.PointId | None = None
        while not pages or offset is not None:
            answer = await self._scroll(
                collection, messages.of(tenant), messages.page_of(collection), offset
            )
            pages.append(messages.points(collection, answer.result))
            offset = answer.next_page_offset if answer.HasField("next_page_offset") else None
        return messages.join(pages)

    async def _read_page(
        self, collection: Collection, tenant: str, after: UUID | None, limit: int
    ) -> Points:
        page = min(limit, messages.page_of(collection))
        answer = await self._scroll(
            collection, messages.of(tenant), page, messages.following(after) if after else None
        )
        return messages.points(collection, answer.result)

    async def _tenants(self, collection: Collection) -> list[str]:
        request = q.FacetCounts(
            collection_name=collection_digest(collection),
            key=TENANT_KEY,
            limit=_TENANTS_MAX,
            exact=True,
            read_consistency=self._consistency,
        )
        answer = await self._calls.ask("Points/Facet", request, q.FacetResponse)
        return sorted(hit.value.string_value for hit in answer.hits if hit.count)

    async def _retrieve(self, collection: Collection, tenant: str, ids: Sequence[UUID]) -> Points:
        pages = [messages.points(collection, [])]
        for wanted in messages.paged(ids, messages.page_of(collection)):
            # By a scroll and not by Get, which has no filter: no call of ours is without a tenant.
            mine = messages.of(tenant, messages.one_of(wanted))
            answer = await self._scroll(collection, mine, len(wanted))
            pages.append(messages.points(collection, answer.result))
        return messages.ordered(messages.join(pages), ids)

    async def _scroll(
        self,
        collection: Collection,
        condition: q.Filter,
        limit: int,
        offset: q.PointId | None = None,
    ) -> q.ScrollResponse:
        request = q.ScrollPoints(
            collection_name=collection_digest(collection),
            filter=condition,
            limit=limit,
            offset=offset,
            with_payload=messages.WITH_PAYLOAD,
            with_vectors=messages.WITH_VECTORS,
            read_consistency=self._consistency,
        )
        return await self._calls.ask("Points/Scroll", request, q.ScrollResponse)

    async def _count(self, collection: Collection, tenant: str) -> int:
        request = q.CountPoints(
            collection_name=collection_digest(collection),
            filter=messages.of(tenant),
            exact=True,
            read_consistency=self._consistency,
        )
        answer = await self._calls.ask("Points/Count", request, q.CountResponse)
        return answer.result.count

    async def _search(self, request: q.QueryPoints) -> list[Hit]:
        answer = await self._calls.ask("Points/Query", request, q.QueryResponse)
        return [messages.hit(point) for point in answer.result]

    async def _delete(self, collection: Collection, filters: Sequence[q.Filter]) -> None:
        for condition in filters:
            request = q.DeletePoints(
                collection_name=collection_digest(collection),
                wait=True,
                points=q.PointsSelector(filter=condition),
                ordering=_ORDERING,
            )
            await self._calls.update("Points/Delete", request)

    async def _ask(
        self, collection: Collection, job: Callable[[], Awaitable[_Result]], nothing: _Result
    ) -> _Result:
        try:
            return await self._run(job)
        except NotFound as error:
            if collection in self._collections:
                raise self._gone(collection) from error
            return nothing

    async def _run(self, job: Callable[[], Awaitable[_Result]]) -> _Result:
        with self._counted():
            return await job()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        if self._closed:
            raise Unavailable("vectors: the store is closed")
        self._under_way += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    def _gone(self, collection: Collection) -> Unavailable:
        """The error for a collection that was there: not empty, but lost or not yet everywhere."""
        self._collections.forget(collection)
        name = collection_digest(collection)
        return Unavailable(f"vectors: {self._calls.url} lacks {name}, which was there before")
