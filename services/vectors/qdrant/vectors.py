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
from services.vectors.payloads import TENANT_KEY, encode_payloads
from services.vectors.points import empty_points, join_points
from services.vectors.qdrant import messages
from services.vectors.qdrant.collections import CollectionLayout, CollectionRegistry
from services.vectors.qdrant.server import VERSION_MIN, QdrantServer, RetryPolicy, TlsCertificates
from sluice.errors import NotFound, Unavailable

Consistency = Literal["all", "majority", "quorum"]
"""The replicas that must agree on a read."""

_TENANTS_MAX: Final = 1_000_000  # more than exist; the server requires a limit
_LAYOUT: Final = CollectionLayout()
_RETRY_POLICY: Final = RetryPolicy()
_CONSISTENCY: Final = {
    "all": q.ReadConsistencyType.All,
    "majority": q.ReadConsistencyType.Majority,
    "quorum": q.ReadConsistencyType.Quorum,
}

# Medium: all writes of a point go through one replica, so all replicas apply them in one order;
# when it dies, another takes over. Strong would reject writes until the first one is back.
_ORDERING: Final = q.WriteOrdering(type=q.WriteOrderingType.Medium)

_Result = TypeVar("_Result")


class QdrantVectors:
    """`Vectors` on a Qdrant server; any number of processes may share it.

    A write is in effect on the server when it returns. Transient failures are retried, since every
    call may be repeated; when the retries are used up, errors.Unavailable is raised.
    """

    def __init__(
        self, server: QdrantServer, layout: CollectionLayout, consistency: Consistency
    ) -> None:
        self._server = server
        self._registry = CollectionRegistry(server, layout)
        self._consistency = q.ReadConsistency(type=_CONSISTENCY[consistency])
        self._closed = False
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        api_key: str | None = None,
        tls: TlsCertificates | None = None,
        layout: CollectionLayout = _LAYOUT,
        read_consistency: Consistency = "majority",
        retry_policy: RetryPolicy = _RETRY_POLICY,
        version_min: tuple[int, int] = VERSION_MIN,
    ) -> Self:
        """The store at `url`: `http://host:6334`, or `https://` for TLS.

        The server need not be reachable yet; the first call that reaches it checks its version.
        Raises errors.FailedPrecondition for a server older than `version_min`.
        """
        server = QdrantServer(
            url, api_key=api_key, tls=tls, retry_policy=retry_policy, version_min=version_min
        )
        store = cls(server, layout, read_consistency)
        try:
            await store.check()
        except Unavailable:
            pass
        except BaseException:
            await store.close()
            raise
        return store

    async def check(self) -> None:
        """Check that the server answers and its version, in a single attempt.

        Raises errors.Unavailable when it does not answer, and errors.FailedPrecondition when it
        is too old.
        """
        await self._run(self._server.check_version)

    async def write(self, collection: Collection, tenant: str, points: Points) -> None:
        """Insert or replace points; durable when this returns, and harmless to repeat."""
        check_points(collection, points)
        texts = encode_payloads(points.payloads)
        await self._run(lambda: self._write(collection, tenant, points, texts))

    async def read(self, collection: Collection, tenant: str) -> Points:
        """All points of the tenant, ordered by id."""
        empty = empty_points(collection)
        return await self._query(collection, lambda: self._read(collection, tenant), empty)

    async def read_page(
        self, collection: Collection, tenant: str, *, after: UUID | None, limit: int
    ) -> Points:
        """Up to `limit` points of the tenant with an id greater than `after`, ordered by id."""
        empty = empty_points(collection)
        return await self._query(
            collection, lambda: self._read_page(collection, tenant, after, limit), empty
        )

    async def collections(self, project: str) -> list[Collection]:
        """All collections of the project's spaces that were ever written to, in a fixed order."""
        collections = await self._run(self._registry.list_collections)
        return sorted((c for c in collections if c.space.project == project), key=astuple)

    async def tenants(self, collection: Collection) -> list[str]:
        """The tenants that have points in the collection, sorted."""
        return await self._query(collection, lambda: self._tenants(collection), [])

    async def retrieve(self, collection: Collection, tenant: str, ids: Sequence[UUID]) -> Points:
        """The tenant's points among `ids`, in that order."""
        empty = empty_points(collection)
        return await self._query(collection, lambda: self._retrieve(collection, tenant, ids), empty)

    async def count(self, collection: Collection, tenant: str) -> int:
        """The number of points of the tenant."""
        return await self._query(collection, lambda: self._count(collection, tenant), 0)

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
            query=q.Query(nearest=q.VectorInput(dense=messages.to_dense(query))),
            filter=messages.tenant_filter(tenant),
            limit=limit,
            params=q.SearchParams(exact=exact),
            with_payload=messages.WITH_PAYLOAD,
            read_consistency=self._consistency,
        )
        return await self._query(collection, lambda: self._search(request), [])

    async def delete(self, collection: Collection, tenant: str, ids: Sequence[UUID]) -> None:
        """Remove those points of the tenant; durable when this returns."""
        filters = [
            messages.tenant_filter(tenant, messages.id_condition(page))
            for page in messages.split_ids(ids)
        ]
        await self._query(collection, lambda: self._delete(collection, filters), None)

    async def delete_tenant(self, collection: Collection, tenant: str) -> None:
        """Remove all points of the tenant; durable when this returns."""
        filters = [messages.tenant_filter(tenant)]
        await self._query(collection, lambda: self._delete(collection, filters), None)

    async def drop(self, collection: Collection) -> None:
        """Remove a collection with its files; durable when this returns."""
        await self._run(lambda: self._registry.drop(collection))

    async def close(self) -> None:
        """Finish running calls and close the connection; a second call has no effect."""
        self._closed = True
        await self._idle.wait()
        await self._server.close()

    async def _write(
        self, collection: Collection, tenant: str, points: Points, texts: Sequence[str]
    ) -> None:
        await self._registry.ensure(collection)
        for page in messages.to_pages(tenant, points, texts):
            request = q.UpsertPoints(
                collection_name=collection_digest(collection),
                wait=True,
                points=page,
                ordering=_ORDERING,
            )
            try:
                await self._server.update(self._server.points.Upsert, request)
            except NotFound as error:
                raise self._lost(collection) from error

    async def _read(self, collection: Collection, tenant: str) -> Points:
        pages: list[Points] = []
        offset: q.PointId | None = None
        while not pages or offset is not None:
            response = await self._scroll(
                collection, messages.tenant_filter(tenant), messages.page_size(collection), offset
            )
            pages.append(messages.to_points(collection, response.result))
            offset = response.next_page_offset if response.HasField("next_page_offset") else None
        return join_points(pages)

    async def _read_page(
        self, collection: Collection, tenant: str, after: UUID | None, limit: int
    ) -> Points:
        page = min(limit, messages.page_size(collection))
        response = await self._scroll(
            collection,
            messages.tenant_filter(tenant),
            page,
            messages.next_point_id(after) if after else None,
        )
        return messages.to_points(collection, response.result)

    async def _tenants(self, collection: Collection) -> list[str]:
        request = q.FacetCounts(
            collection_name=collection_digest(collection),
            key=TENANT_KEY,
            limit=_TENANTS_MAX,
            exact=True,
            read_consistency=self._consistency,
        )
        response: q.FacetResponse = await self._server.query(self._server.points.Facet, request)
        return sorted(hit.value.string_value for hit in response.hits if hit.count)

    async def _retrieve(self, collection: Collection, tenant: str, ids: Sequence[UUID]) -> Points:
        pages = [empty_points(collection)]
        for page in messages.split_ids(ids, messages.page_size(collection)):
            # Scroll instead of Get, since every call has a tenant and Get takes no filter.
            condition = messages.tenant_filter(tenant, messages.id_condition(page))
            response = await self._scroll(collection, condition, len(page))
            pages.append(messages.to_points(collection, response.result))
        return messages.sort_points(join_points(pages), ids)

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
        response: q.ScrollResponse = await self._server.query(self._server.points.Scroll, request)
        return response

    async def _count(self, collection: Collection, tenant: str) -> int:
        request = q.CountPoints(
            collection_name=collection_digest(collection),
            filter=messages.tenant_filter(tenant),
            exact=True,
            read_consistency=self._consistency,
        )
        response: q.CountResponse = await self._server.query(self._server.points.Count, request)
        return response.result.count

    async def _search(self, request: q.QueryPoints) -> list[Hit]:
        response: q.QueryResponse = await self._server.query(self._server.points.Query, request)
        return [messages.to_hit(point) for point in response.result]

    async def _delete(self, collection: Collection, filters: Sequence[q.Filter]) -> None:
        for condition in filters:
            request = q.DeletePoints(
                collection_name=collection_digest(collection),
                wait=True,
                points=q.PointsSelector(filter=condition),
                ordering=_ORDERING,
            )
            await self._server.update(self._server.points.Delete, request)

    async def _query(
        self, collection: Collection, job: Callable[[], Awaitable[_Result]], empty: _Result
    ) -> _Result:
        try:
            return await self._run(job)
        except NotFound as error:
            if collection in self._registry:
                raise self._lost(collection) from error
            return empty

    async def _run(self, job: Callable[[], Awaitable[_Result]]) -> _Result:
        with self._count_running():
            return await job()

    @contextmanager
    def _count_running(self) -> Iterator[None]:
        if self._closed:
            raise Unavailable("vectors: the store is closed")
        self._running += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    def _lost(self, collection: Collection) -> Unavailable:
        """The error for a missing collection that existed: lost, or not on every replica yet."""
        self._registry.forget(collection)
        name = collection_digest(collection)
        return Unavailable(
            f"vectors: {self._server.url} lacks collection {name}, which existed before"
        )
