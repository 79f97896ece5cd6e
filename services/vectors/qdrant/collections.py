"""Creation and listing of collections on a Qdrant server that several processes share."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from qdrant_client import grpc as q

from services.vectors.interface import Collection, Kind, Space
from services.vectors.naming import collection_digest
from services.vectors.payloads import TENANT_KEY
from services.vectors.qdrant.server import QdrantServer
from sluice.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound

# As in the embedded store (services/vectors/edge/shard.py): cosine would change bits, and each
# tenant has its own graph.
_DISTANCE: Final = q.Distance.Dot
_HNSW: Final = q.HnswConfigDiff(m=0, payload_m=16, ef_construct=100)


@dataclass(frozen=True, slots=True)
class CollectionLayout:
    """The distribution of a collection over the servers; fixed when it is created."""

    shard_number: int = 2
    """Parts of a collection, each on at least one server."""

    replication_factor: int = 1
    """Copies of each part, each on its own server."""

    write_consistency_factor: int = 1
    """Copies that must have a write before it is acknowledged."""


class CollectionRegistry:
    """Creates collections, and remembers those that exist with their index."""

    def __init__(self, server: QdrantServer, layout: CollectionLayout) -> None:
        self._server = server
        self._layout = layout
        self._ready: set[Collection] = set()
        self._creation = asyncio.Lock()

    def __contains__(self, collection: Collection) -> bool:
        return collection in self._ready

    def forget(self, collection: Collection) -> None:
        """Check again, before the next write, whether the collection exists."""
        self._ready.discard(collection)

    async def ensure(self, collection: Collection) -> None:
        """Create the collection and its index unless they exist.

        Raises errors.FailedPrecondition when another kind of collection has its name.
        """
        if collection in self._ready:
            return
        async with self._creation:
            await self._ensure(collection)
        self._ready.add(collection)

    async def _ensure(self, collection: Collection) -> None:
        name = collection_digest(collection)
        try:
            info = await self._get(name)
        except NotFound:
            await self._create(collection, name)
            info = await self._get(name)
        _check_vectors(collection, info)
        if TENANT_KEY not in info.payload_schema:
            await self._create_index(name)

    async def drop(self, collection: Collection) -> None:
        """Remove the collection, if it exists."""
        self.forget(collection)
        request = q.DeleteCollection(collection_name=collection_digest(collection))
        with suppress(NotFound):
            await self._server.query(self._server.collections.Delete, request)

    async def list_collections(self) -> list[Collection]:
        """All collections of Sluice on the server, read from their metadata."""
        response: q.ListCollectionsResponse = await self._server.query(
            self._server.collections.List, q.ListCollectionsRequest()
        )
        collections = []
        for description in response.collections:
            try:
                info = await self._get(description.name)
            except NotFound:
                continue
            collection = _from_metadata(info)
            # The server may hold collections of other applications.
            if collection is not None and collection_digest(collection) == description.name:
                collections.append(collection)
        return collections

    async def _get(self, name: str) -> q.CollectionInfo:
        request = q.GetCollectionInfoRequest(collection_name=name)
        response: q.GetCollectionInfoResponse = await self._server.query(
            self._server.collections.Get, request
        )
        return response.result

    async def _create(self, collection: Collection, name: str) -> None:
        params = q.VectorParams(size=collection.space.dimension, distance=_DISTANCE)
        request = q.CreateCollection(
            collection_name=name,
            vectors_config=q.VectorsConfig(params=params),
            hnsw_config=_HNSW,
            shard_number=self._layout.shard_number,
            replication_factor=self._layout.replication_factor,
            write_consistency_factor=self._layout.write_consistency_factor,
            metadata=_to_metadata(collection),
        )
        try:
            await self._server.query(self._server.collections.Create, request)
        except (AlreadyExists, InvalidArgument) as error:
            # Another process created it first, or an earlier attempt did and its response was lost.
            # Qdrant answers INVALID_ARGUMENT while the folder exists and the collection does not.
            if "already exists" not in str(error):
                raise

    async def _create_index(self, name: str) -> None:
        tenant_index = q.KeywordIndexParams(is_tenant=True)
        request = q.CreateFieldIndexCollection(
            collection_name=name,
            wait=True,
            field_name=TENANT_KEY,
            field_type=q.FieldType.FieldTypeKeyword,
            field_index_params=q.PayloadIndexParams(keyword_index_params=tenant_index),
        )
        await self._server.update(self._server.points.CreateFieldIndex, request)


def _check_vectors(collection: Collection, info: q.CollectionInfo) -> None:
    params = info.config.params.vectors_config.params
    if (params.size, params.distance) != (collection.space.dimension, _DISTANCE):
        raise FailedPrecondition(
            f"vectors: the server's collection {collection_digest(collection)} has "
            f"{params.size} dimensions and distance {q.Distance.Name(params.distance)}, "
            f"expected {collection.space.dimension} and {q.Distance.Name(_DISTANCE)}"
        )


def _from_metadata(info: q.CollectionInfo) -> Collection | None:
    """The collection that `_to_metadata` described; None for one of another application."""
    metadata = info.config.metadata
    try:
        kind = Kind(metadata["kind"].string_value)
    except ValueError:
        return None
    project, model_id = metadata["project"].string_value, metadata["model_id"].string_value
    return Collection(kind, Space(project, model_id, metadata["dimension"].integer_value))


def _to_metadata(collection: Collection) -> dict[str, q.Value]:
    """A description of the collection, for people and for listings: its name is only a digest."""
    space = collection.space
    return {
        "kind": q.Value(string_value=collection.kind.value),
        "project": q.Value(string_value=space.project),
        "model_id": q.Value(string_value=space.model_id),
        "dimension": q.Value(integer_value=space.dimension),
    }
