"""How a collection comes to be on a Qdrant server, whoever else makes it at the same time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from qdrant_client import grpc as q

from services.vectors.interface import Collection, Kind, Space
from services.vectors.naming import collection_digest
from services.vectors.payloads import TENANT_KEY
from services.vectors.qdrant.server import Calls
from sluice.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound

# The same as in the embedded store, where the reasons stand: other bits with cosine, and one graph
# per tenant.
_DISTANCE: Final = q.Distance.Dot
_HNSW: Final = q.HnswConfigDiff(m=0, payload_m=16, ef_construct=100)


@dataclass(frozen=True, slots=True)
class CollectionLayout:
    """How a collection is spread over the servers; fixed once it is made."""

    shard_number: int = 2
    """Parts of a collection, each on one server or more."""

    replication_factor: int = 1
    """Servers that hold a copy of each part."""

    write_consistency_factor: int = 1
    """Copies that must have a write before it counts as done."""


class Collections:
    """The collections that are known to be there, with their index."""

    def __init__(self, calls: Calls, layout: CollectionLayout) -> None:
        self._calls = calls
        self._layout = layout
        self._ready: set[Collection] = set()
        self._making = asyncio.Lock()

    def __contains__(self, collection: Collection) -> bool:
        return collection in self._ready

    def forget(self, collection: Collection) -> None:
        """Look again, before the next write, whether the collection is there."""
        self._ready.discard(collection)

    async def ensure(self, collection: Collection) -> None:
        """Make the collection unless it is there, and its index unless that is.

        Raises errors.FailedPrecondition when something else goes by its name.
        """
        if collection in self._ready:
            return
        async with self._making:
            await self._ensure(collection)
        self._ready.add(collection)

    async def _ensure(self, collection: Collection) -> None:
        name = collection_digest(collection)
        try:
            found = await self._get(name)
        except NotFound:
            await self._create(collection, name)
            found = await self._get(name)
        _check(collection, found)
        if TENANT_KEY not in found.payload_schema:
            await self._index(name)

    async def all(self) -> list[Collection]:
        """All collections of ours on the server, by what they say they are."""
        request = q.ListCollectionsRequest()
        listed = await self._calls.ask("Collections/List", request, q.ListCollectionsResponse)
        found = []
        for description in listed.collections:
            try:
                info = await self._get(description.name)
            except NotFound:
                continue
            collection = _described(info)
            # Others may keep collections of their own on the server.
            if collection is not None and collection_digest(collection) == description.name:
                found.append(collection)
        return found

    async def _get(self, name: str) -> q.CollectionInfo:
        request = q.GetCollectionInfoRequest(collection_name=name)
        return (
            await self._calls.ask("Collections/Get", request, q.GetCollectionInfoResponse)
        ).result

    async def _create(self, collection: Collection, name: str) -> None:
        params = q.VectorParams(size=collection.space.dimension, distance=_DISTANCE)
        request = q.CreateCollection(
            collection_name=name,
            vectors_config=q.VectorsConfig(params=params),
            hnsw_config=_HNSW,
            shard_number=self._layout.shard_number,
            replication_factor=self._layout.replication_factor,
            write_consistency_factor=self._layout.write_consistency_factor,
            metadata=_metadata(collection),
        )
        try:
            await self._calls.ask("Collections/Create", request, q.CollectionOperationResponse)
        except (AlreadyExists, InvalidArgument) as error:
            # Somebody else was faster, or an attempt of ours whose answer was lost. Qdrant says
            # INVALID_ARGUMENT when the folder is there and the collection not yet.
            if "already exists" not in str(error):
                raise

    async def _index(self, name: str) -> None:
        tenant_index = q.KeywordIndexParams(is_tenant=True)
        request = q.CreateFieldIndexCollection(
            collection_name=name,
            wait=True,
            field_name=TENANT_KEY,
            field_type=q.FieldType.FieldTypeKeyword,
            field_index_params=q.PayloadIndexParams(keyword_index_params=tenant_index),
        )
        await self._calls.update("Points/CreateFieldIndex", request)


def _check(collection: Collection, found: q.CollectionInfo) -> None:
    params = found.config.params.vectors_config.params
    if (params.size, params.distance) != (collection.space.dimension, _DISTANCE):
        raise FailedPrecondition(
            f"vectors: the server's collection {collection_digest(collection)} has "
            f"{params.size} dimensions and distance {q.Distance.Name(params.distance)}; "
            f"{collection.space.dimension} and {q.Distance.Name(_DISTANCE)} are needed"
        )


def _described(found: q.CollectionInfo) -> Collection | None:
    """What `_metadata` says that a collection is; None for one that does not say so."""
    said = found.config.metadata
    try:
        kind = Kind(said["kind"].string_value)
    except ValueError:
        return None
    project, model_id = said["project"].string_value, said["model_id"].string_value
    return Collection(kind, Space(project, model_id, said["dimension"].integer_value))


def _metadata(collection: Collection) -> dict[str, q.Value]:
    """What the collection is, for people and for whoever lists all: its name is a digest."""
    space = collection.space
    return {
        "kind": q.Value(string_value=collection.kind.value),
        "project": q.Value(string_value=space.project),
        "model_id": q.Value(string_value=space.model_id),
        "dimension": q.Value(integer_value=space.dimension),
    }
