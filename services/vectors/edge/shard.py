"""One collection in the embedded Qdrant engine, with all its calls blocking.

Every call of the engine holds Python's interpreter lock while it runs, so work is cut into pages:
between two of them, the event loop gets its turn.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from itertools import chain
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
from sluice.errors import DataLoss

PAGE: Final = 1_000
"""Points per call of the engine: some milliseconds, above which larger pages gain nothing."""

_DESCRIPTION = "collection.json"
_ENGINE = "engine"
_UNFINISHED = ".new"
_UUID_MAX = 2**128 - 1
_TENANTS_MAX = 2**31  # all of them: the engine wants a number
_VECTOR = ""  # the engine's name for the only vector of a point

# A graph is built when the store opens, and blocks it: 14 s for 30,000 x 512. Below a gigabyte of
# vectors an exact scan, at 10 to 20 GB/s, is not worth that.
_GRAPH_FROM_KB = 1_000_000


class Shard:
    """The points of one collection; made by `create` or `load`, used from one thread at a time."""

    def __init__(self, collection: Collection, engine: qdrant.EdgeShard) -> None:
        self.collection = collection
        self._engine = engine

    @classmethod
    def create(cls, root: Path, collection: Collection) -> Self:
        """A new, empty shard in a folder of its own under `root`, all there or not at all."""
        folder = root / collection_digest(collection)
        unfinished = folder.with_suffix(_UNFINISHED)
        shutil.rmtree(unfinished, ignore_errors=True)
        (unfinished / _ENGINE).mkdir(parents=True)
        engine = qdrant.EdgeShard.create(str(unfinished / _ENGINE), _config(collection))
        # Without an index on the tenant, every filter reads all payloads: 50 ms against 0.1.
        tenant_index = qdrant.KeywordIndexParams(is_tenant=True)
        engine.update(qdrant.UpdateOperation.create_field_index(TENANT_KEY, tenant_index))
        engine.flush()
        engine.close()
        _write_synced(unfinished / _DESCRIPTION, _describe(collection))
        unfinished.rename(folder)
        _sync_folder(root)
        return cls.load(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The shard that `create` left in that folder."""
        try:
            description = (folder / _DESCRIPTION).read_bytes()
            collection = msgspec.json.decode(description, type=Collection)
        except (FileNotFoundError, msgspec.DecodeError) as cause:
            raise DataLoss(f"vectors: {folder / _DESCRIPTION} cannot be read: {cause}") from cause
        if folder.name != collection_digest(collection):
            raise DataLoss(f"vectors: {folder} is not named by the digest of its {_DESCRIPTION}")
        return cls(collection, qdrant.EdgeShard.load(str(folder / _ENGINE)))

    def optimize(self) -> None:
        """Drop what was deleted and merge what is scattered; blocks for as long as that takes."""
        self._engine.optimize()

    def write(self, tenant: str, points: Points, texts: Sequence[str]) -> None:
        """Insert or replace points, each payload encoded as `texts` says; durable on return."""
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
                    filter=_of(tenant),
                    with_payload=True,
                    with_vector=True,
                )
            )
            pages.append(self._points(records))
        return _join(pages)

    def read_page(self, tenant: str, after: UUID | None, limit: int) -> Points:
        """Up to `limit` points of the tenant whose id is greater than `after`, ordered by id."""
        # The engine's offset is the first id of a page, so the last one's successor is the next.
        offset = None if after is None else UUID(int=min(after.int + 1, _UUID_MAX))
        request = qdrant.ScrollRequest(
            offset=offset, limit=limit, filter=_of(tenant), with_payload=True, with_vector=True
        )
        records, _ = self._engine.scroll(request)
        return self._points(records)

    def tenants(self) -> list[str]:
        """The tenants that have points here, sorted."""
        request = qdrant.FacetRequest(key=TENANT_KEY, limit=_TENANTS_MAX, exact=True)
        hits = self._engine.facet(request).hits
        return sorted(str(hit.value) for hit in hits if hit.count)

    def retrieve(self, tenant: str, ids: Sequence[UUID]) -> Points:
        """Those of the points that the tenant has, in the order asked for."""
        pages = [self._points([])]
        for start in range(0, len(ids), PAGE):
            wanted: list[qdrant.PointId] = list(ids[start : start + PAGE])
            records = self._engine.retrieve(wanted, with_payload=True, with_vector=True)
            pages.append(self._points([r for r in records if _stored(r)[TENANT_KEY] == tenant]))
        return _join(pages)

    def count(self, tenant: str) -> int:
        """How many points the tenant has."""
        return self._engine.count(qdrant.CountRequest(exact=True, filter=_of(tenant)))

    def search(
        self, tenant: str, query: NDArray[np.float32], limit: int, *, exact: bool
    ) -> list[Hit]:
        """The tenant's points with the largest inner product to the query, best first."""
        request = qdrant.QueryRequest(
            limit=limit,
            query=qdrant.Query.Nearest(query.tolist()),
            filter=_of(tenant),
            with_payload=True,
            params=qdrant.SearchParams(exact=exact),
        )
        return [
            Hit(_id(point), point.score, decode_payload(_stored(point)))
            for point in self._engine.query(request)
        ]

    def delete(self, tenant: str, ids: Sequence[UUID]) -> None:
        """Remove those points of the tenant; durable when this returns."""
        self._apply(
            qdrant.UpdateOperation.delete_points_by_filter(
                _of(tenant, qdrant.HasIdCondition(set(ids[start : start + PAGE])))
            )
            for start in range(0, len(ids), PAGE)
        )

    def delete_tenant(self, tenant: str) -> None:
        """Remove all points of the tenant; durable when this returns."""
        self._apply([qdrant.UpdateOperation.delete_points_by_filter(_of(tenant))])

    def close(self) -> None:
        """Write everything down and release the folder."""
        self._engine.flush()
        self._engine.close()

    def _apply(self, operations: Iterable[qdrant.UpdateOperation]) -> None:
        for operation in operations:
            self._engine.update(operation)
        # An update alone survives the death of the process, not that of the machine.
        self._engine.flush()

    def _points(self, records: Sequence[qdrant.Record]) -> Points:
        vectors = np.array([record.vector for record in records], dtype=np.float32)
        return Points(
            ids=[_id(record) for record in records],
            vectors=vectors.reshape(len(records), self.collection.space.dimension),
            payloads=[decode_payload(_stored(record)) for record in records],
        )


def shard_folders(root: Path) -> list[Path]:
    """The folders of all shards under `root`, after removing what a cut-off `create` left."""
    for unfinished in root.glob(f"*{_UNFINISHED}"):
        shutil.rmtree(unfinished)
    return sorted(path for path in root.iterdir() if path.is_dir())


def no_points(collection: Collection) -> Points:
    """No points at all, in the collection's dimension."""
    return Points([], np.empty((0, collection.space.dimension), np.float32), [])


def _config(collection: Collection) -> qdrant.EdgeConfig:
    vectors = qdrant.EdgeVectorParams(
        size=collection.space.dimension,
        # Cosine would normalise once more and give back other bits than were written.
        distance=qdrant.Distance.Dot,
    )
    return qdrant.EdgeConfig(
        vectors={_VECTOR: vectors},
        # One graph per tenant and none over all of them, since every search has a tenant.
        hnsw_config=qdrant.HnswIndexConfig(
            m=0, payload_m=16, ef_construct=100, full_scan_threshold=10_000
        ),
        optimizers=qdrant.EdgeOptimizersConfig(indexing_threshold=_GRAPH_FROM_KB),
        # All calls come from one thread, and each shard would start eight of its own.
        max_search_threads=1,
        # Without it, a process killed inside flush() leaves points half written.
        wal_enabled=True,
    )


def _of(tenant: str, *conditions: qdrant.HasIdCondition) -> qdrant.Filter:
    same_tenant = qdrant.FieldCondition(TENANT_KEY, match=qdrant.MatchValue(tenant))
    return qdrant.Filter(must=[same_tenant, *conditions])


def _id(point: qdrant.Record | qdrant.ScoredPoint) -> UUID:
    return cast(UUID, point.id)  # we write no other kind of id


def _stored(point: qdrant.Record | qdrant.ScoredPoint) -> dict[str, Any]:
    return cast(dict[str, Any], point.payload)  # we ask for it always


def _join(pages: Sequence[Points]) -> Points:
    return Points(
        ids=list(chain.from_iterable(page.ids for page in pages)),
        vectors=np.concatenate([page.vectors for page in pages]),
        payloads=list(chain.from_iterable(page.payloads for page in pages)),
    )


def _describe(collection: Collection) -> bytes:
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
