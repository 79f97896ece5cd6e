"""One collection in the embedded Qdrant engine; all calls block.

Every call of the engine holds Python's interpreter lock while it runs, so work is split into
pages: between two of them, the event loop can run.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Self, cast
from uuid import UUID

import msgspec
import numpy as np
import qdrant_edge as qdrant
from numpy.typing import NDArray

from services.vectors.interface import Collection, Hit, Points
from services.vectors.naming import collection_digest
from services.vectors.payloads import TENANT_KEY, TEXT_KEY, decode_payload
from services.vectors.points import join_points
from sluice.errors import DataLoss

PAGE: Final = 1_000
"""Points per call of the engine: a few milliseconds; larger pages gain nothing."""

_DESCRIPTION = "collection.json"
_ENGINE = "engine"
_INCOMPLETE = ".new"
_UUID_MAX = 2**128 - 1
_TENANTS_MAX = 2**31  # all: the engine requires a limit
_VECTOR = ""  # the engine's name for the only vector of a point

# Building a graph blocks the opening of the store: 14 s for 30,000 x 512. Below a gigabyte of
# vectors, an exact scan at 10 to 20 GB/s is fast enough without one.
_GRAPH_FROM_KB = 1_000_000


class Shard:
    """The points of one collection; from `create` or `load`, used from one thread at a time."""

    def __init__(self, collection: Collection, engine: qdrant.EdgeShard) -> None:
        self.collection = collection
        self._engine = engine

    @classmethod
    def create(cls, root: Path, collection: Collection) -> Self:
        """A new, empty shard in its own folder below `root`, created completely or not at all."""
        folder = root / collection_digest(collection)
        unfinished = folder.with_suffix(_INCOMPLETE)
        shutil.rmtree(unfinished, ignore_errors=True)
        (unfinished / _ENGINE).mkdir(parents=True)
        engine = qdrant.EdgeShard.create(str(unfinished / _ENGINE), _engine_config(collection))
        # Without an index on the tenant, every filter reads all payloads: 50 ms instead of 0.1.
        tenant_index = qdrant.KeywordIndexParams(is_tenant=True)
        engine.update(qdrant.UpdateOperation.create_field_index(TENANT_KEY, tenant_index))
        engine.flush()
        engine.close()
        _write_synced(unfinished / _DESCRIPTION, _encode_description(collection))
        unfinished.rename(folder)
        _sync_folder(root)
        return cls.load(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The shard that `create` made in that folder."""
        try:
            description = (folder / _DESCRIPTION).read_bytes()
            collection = msgspec.json.decode(description, type=Collection)
        except (FileNotFoundError, msgspec.DecodeError) as cause:
            raise DataLoss(f"vectors: {folder / _DESCRIPTION} cannot be read: {cause}") from cause
        if folder.name != collection_digest(collection):
            raise DataLoss(f"vectors: {folder} is not named after the digest of its {_DESCRIPTION}")
        return cls(collection, qdrant.EdgeShard.load(str(folder / _ENGINE)))

    def optimize(self) -> None:
        """Remove deleted points from the files and merge segments; blocks until done."""
        self._engine.optimize()

    def write(self, tenant: str, points: Points, texts: Sequence[str]) -> None:
        """Insert or replace points, with `texts` as encoded payloads; durable on return."""
        self._apply(
            qdrant.UpdateOperation.upsert_points(
                [
                    qdrant.Point(point_id, vector, {TENANT_KEY: tenant, TEXT_KEY: text})
                    for point_id, vector, text in zip(
                        points.ids[start : start + PAGE],
                        points.vectors[start : start + PAGE].tolist(),
                        texts[start : start + PAGE],
                    )
                ]
            )
            for start in range(0, len(points), PAGE)
        )

    def read(self, tenant: str) -> Points:
        """All points of the tenant, ordered by id."""
        pages: list[Points] = []
        offset: qdrant.PointId | None = None
        while not pages or offset is not None:
            records, offset = self._engine.scroll(
                qdrant.ScrollRequest(
                    offset=offset,
                    limit=PAGE,
                    filter=_tenant_filter(tenant),
                    with_payload=True,
                    with_vector=True,
                )
            )
            pages.append(self._to_points(records))
        return join_points(pages)

    def read_page(self, tenant: str, after: UUID | None, limit: int) -> Points:
        """Up to `limit` points of the tenant with an id greater than `after`, ordered by id."""
        # The engine's offset is the first id of a page, so the next page begins after `after`.
        offset = None if after is None else UUID(int=min(after.int + 1, _UUID_MAX))
        request = qdrant.ScrollRequest(
            offset=offset,
            limit=limit,
            filter=_tenant_filter(tenant),
            with_payload=True,
            with_vector=True,
        )
        records, _ = self._engine.scroll(request)
        return self._to_points(records)

    def tenants(self) -> list[str]:
        """The tenants that have points in the shard, sorted."""
        request = qdrant.FacetRequest(key=TENANT_KEY, limit=_TENANTS_MAX, exact=True)
        hits = self._engine.facet(request).hits
        return sorted(str(hit.value) for hit in hits if hit.count)

    def retrieve(self, tenant: str, ids: Sequence[UUID]) -> Points:
        """The tenant's points among `ids`, in that order."""
        pages = [self._to_points([])]
        for start in range(0, len(ids), PAGE):
            page: list[qdrant.PointId] = list(ids[start : start + PAGE])
            records = self._engine.retrieve(page, with_payload=True, with_vector=True)
            pages.append(
                self._to_points([r for r in records if _stored_fields(r)[TENANT_KEY] == tenant])
            )
        return join_points(pages)

    def count(self, tenant: str) -> int:
        """The number of points of the tenant."""
        return self._engine.count(qdrant.CountRequest(exact=True, filter=_tenant_filter(tenant)))

    def search(
        self, tenant: str, query: NDArray[np.float32], limit: int, *, exact: bool
    ) -> list[Hit]:
        """The tenant's points with the largest inner product to the query, best first."""
        request = qdrant.QueryRequest(
            limit=limit,
            query=qdrant.Query.Nearest(query.tolist()),
            filter=_tenant_filter(tenant),
            with_payload=True,
            params=qdrant.SearchParams(exact=exact),
        )
        return [
            Hit(_to_uuid(point), point.score, decode_payload(_stored_fields(point)))
            for point in self._engine.query(request)
        ]

    def delete(self, tenant: str, ids: Sequence[UUID]) -> None:
        """Remove those points of the tenant; durable when this returns."""
        self._apply(
            qdrant.UpdateOperation.delete_points_by_filter(
                _tenant_filter(tenant, qdrant.HasIdCondition(set(ids[start : start + PAGE])))
            )
            for start in range(0, len(ids), PAGE)
        )

    def delete_tenant(self, tenant: str) -> None:
        """Remove all points of the tenant; durable when this returns."""
        self._apply([qdrant.UpdateOperation.delete_points_by_filter(_tenant_filter(tenant))])

    def destroy(self, root: Path) -> None:
        """Close the shard and remove its folder below `root`, completely or not at all."""
        self.close()
        folder = root / collection_digest(self.collection)
        incomplete = folder.with_suffix(_INCOMPLETE)
        shutil.rmtree(incomplete, ignore_errors=True)
        folder.rename(incomplete)
        _sync_folder(root)
        shutil.rmtree(incomplete)

    def close(self) -> None:
        """Flush and release the folder."""
        self._engine.flush()
        self._engine.close()

    def _apply(self, operations: Iterable[qdrant.UpdateOperation]) -> None:
        for operation in operations:
            self._engine.update(operation)
        # An update alone survives a crash of the process, but not of the machine.
        self._engine.flush()

    def _to_points(self, records: Sequence[qdrant.Record]) -> Points:
        vectors = np.array([record.vector for record in records], dtype=np.float32)
        return Points(
            ids=[_to_uuid(record) for record in records],
            vectors=vectors.reshape(len(records), self.collection.space.dimension),
            payloads=[decode_payload(_stored_fields(record)) for record in records],
        )


def list_shard_folders(root: Path) -> list[Path]:
    """The folders of all shards below `root`; removes those of interrupted calls."""
    for unfinished in root.glob(f"*{_INCOMPLETE}"):
        shutil.rmtree(unfinished)
    return sorted(path for path in root.iterdir() if path.is_dir())


def _engine_config(collection: Collection) -> qdrant.EdgeConfig:
    vectors = qdrant.EdgeVectorParams(
        size=collection.space.dimension,
        # Cosine would normalise again and return other bits than were written.
        distance=qdrant.Distance.Dot,
    )
    return qdrant.EdgeConfig(
        vectors={_VECTOR: vectors},
        # One graph per tenant and none over all points, since every search has a tenant.
        hnsw_config=qdrant.HnswIndexConfig(
            m=0, payload_m=16, ef_construct=100, full_scan_threshold=10_000
        ),
        optimizers=qdrant.EdgeOptimizersConfig(indexing_threshold=_GRAPH_FROM_KB),
        # All calls come from one thread; by default each shard would start eight.
        max_search_threads=1,
        # Without it, a process killed inside flush() leaves half-written points.
        wal_enabled=True,
    )


def _tenant_filter(tenant: str, *conditions: qdrant.HasIdCondition) -> qdrant.Filter:
    same_tenant = qdrant.FieldCondition(TENANT_KEY, match=qdrant.MatchValue(tenant))
    return qdrant.Filter(must=[same_tenant, *conditions])


def _to_uuid(point: qdrant.Record | qdrant.ScoredPoint) -> UUID:
    return cast(UUID, point.id)  # this store writes no numeric ids


def _stored_fields(point: qdrant.Record | qdrant.ScoredPoint) -> dict[str, Any]:
    return cast(dict[str, Any], point.payload)  # every request includes the payload


def _encode_description(collection: Collection) -> bytes:
    return msgspec.json.format(msgspec.json.encode(collection), indent=2) + b"\n"


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
