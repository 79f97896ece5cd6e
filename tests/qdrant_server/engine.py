"""Collections of the stand-in: one shard of `qdrant_edge` each, in a folder of its name.

Only what `services.vectors.qdrant` calls is supported; all else is refused rather than ignored.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

import numpy as np
import qdrant_edge as edge
from qdrant_client import grpc as q

_CREATION = "creation.bin"
_SHARD = "shard"
_DISTANCES = {q.Distance.Dot: edge.Distance.Dot, q.Distance.Cosine: edge.Distance.Cosine}


class NotFoundError(Exception):
    """What the request names is not there."""


class ExistsError(Exception):
    """What the request would make is there."""


class InputError(Exception):
    """The request is wrong."""


class UnsupportedError(Exception):
    """The request is right, and more than this server can do."""


class Engine:
    """All collections in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._open: dict[str, tuple[q.CreateCollection, edge.EdgeShard]] = {}
        for collection in folder.iterdir():
            creation = collection / _CREATION
            if creation.exists():
                request = q.CreateCollection.FromString(creation.read_bytes())
                self._open[collection.name] = request, edge.EdgeShard.load(str(collection / _SHARD))
            else:  # was being made when the process died
                shutil.rmtree(collection)

    def create(self, request: q.CreateCollection) -> None:
        """Make a collection with one unnamed vector."""
        name = request.collection_name
        if name in self._open:
            raise ExistsError(f"Wrong input: Collection `{name}` already exists!")
        params, hnsw = request.vectors_config.params, request.hnsw_config
        if params.distance not in _DISTANCES or not params.size:
            raise UnsupportedError(f"vectors of {params}")
        config = edge.EdgeConfig(
            vectors={
                "": edge.EdgeVectorParams(size=params.size, distance=_DISTANCES[params.distance])
            },
            hnsw_config=edge.HnswIndexConfig(
                m=hnsw.m,
                payload_m=hnsw.payload_m,
                ef_construct=hnsw.ef_construct or 100,
                full_scan_threshold=hnsw.full_scan_threshold or 10_000,
            ),
            max_search_threads=1,
            wal_enabled=True,
        )
        shard = self._folder / name / _SHARD
        shard.mkdir(parents=True)
        opened = edge.EdgeShard.create(str(shard), config)
        (self._folder / name / _CREATION).write_bytes(request.SerializeToString())
        self._open[name] = request, opened

    def names(self) -> list[str]:
        """The names of all collections."""
        return list(self._open)

    def drop(self, name: str) -> bool:
        """Remove a collection; false when there is none."""
        if name not in self._open:
            return False
        self._open.pop(name)[1].close()
        shutil.rmtree(self._folder / name)
        return True

    def info(self, name: str) -> q.CollectionInfo:
        """What a collection is made of."""
        creation, shard = self._find(name)
        params = q.CollectionParams(
            vectors_config=creation.vectors_config,
            shard_number=creation.shard_number,
            replication_factor=creation.replication_factor,
            write_consistency_factor=creation.write_consistency_factor,
        )
        config = q.CollectionConfig(
            params=params, hnsw_config=creation.hnsw_config, metadata=creation.metadata
        )
        keyword = q.PayloadSchemaInfo(data_type=q.PayloadSchemaType.Keyword)
        info = shard.info()
        return q.CollectionInfo(
            status=q.CollectionStatus.Green,
            config=config,
            payload_schema=dict.fromkeys(info.payload_schema, keyword),
            points_count=info.points_count,
        )

    def index(self, request: q.CreateFieldIndexCollection) -> None:
        """Make a keyword index, unless it is there."""
        _, shard = self._find(request.collection_name)
        if request.field_type != q.FieldType.FieldTypeKeyword:
            raise UnsupportedError("an index other than a keyword's")
        params = edge.KeywordIndexParams(
            is_tenant=request.field_index_params.keyword_index_params.is_tenant
        )
        if request.field_name not in shard.info().payload_schema:
            shard.update(edge.UpdateOperation.create_field_index(request.field_name, params))

    def upsert(self, request: q.UpsertPoints) -> None:
        """Insert or replace points, all or none."""
        creation, shard = self._find(request.collection_name)
        size = creation.vectors_config.params.size
        points = [_point(point, size) for point in request.points]
        shard.update(edge.UpdateOperation.upsert_points(points))

    def delete(self, request: q.DeletePoints) -> None:
        """Remove the points that a filter holds for."""
        _, shard = self._find(request.collection_name)
        if not request.points.HasField("filter"):
            raise UnsupportedError("a delete without a filter")
        condition = _filter(request.points.filter)
        shard.update(edge.UpdateOperation.delete_points_by_filter(condition))

    def scroll(self, request: q.ScrollPoints) -> q.ScrollResponse:
        """A page of the points that a filter holds for, ordered by id."""
        _, shard = self._find(request.collection_name)
        records, following = shard.scroll(
            edge.ScrollRequest(
                offset=_id(request.offset) if request.HasField("offset") else None,
                limit=request.limit or 10,
                filter=_filter(request.filter),
                with_payload=request.with_payload.enable,
                with_vector=request.with_vectors.enable,
            )
        )
        response = q.ScrollResponse(result=map(_record, records))
        if following is not None:
            response.next_page_offset.CopyFrom(_point_id(following))
        return response

    def query(self, request: q.QueryPoints) -> Iterable[q.ScoredPoint]:
        """The points nearest to a vector."""
        creation, shard = self._find(request.collection_name)
        nearest = list(request.query.nearest.dense.data)
        _check_size(len(nearest), creation.vectors_config.params.size)
        hits = shard.query(
            edge.QueryRequest(
                limit=request.limit or 10,
                query=edge.Query.Nearest(nearest),
                filter=_filter(request.filter),
                with_payload=request.with_payload.enable,
                params=edge.SearchParams(exact=request.params.exact),
            )
        )
        return [
            q.ScoredPoint(id=_point_id(hit.id), score=hit.score, payload=_payload(hit.payload))
            for hit in hits
        ]

    def count(self, request: q.CountPoints) -> int:
        """How many points a filter holds for."""
        _, shard = self._find(request.collection_name)
        return shard.count(edge.CountRequest(exact=True, filter=_filter(request.filter)))

    def facet(self, request: q.FacetCounts) -> q.FacetResponse:
        """How many points have each value of a key."""
        _, shard = self._find(request.collection_name)
        facet = edge.FacetRequest(key=request.key, limit=request.limit or 10, exact=request.exact)
        hits = [
            q.FacetHit(value=q.FacetValue(string_value=str(hit.value)), count=hit.count)
            for hit in shard.facet(facet).hits
        ]
        return q.FacetResponse(hits=hits)

    def close(self) -> None:
        """Write everything down."""
        for _, shard in self._open.values():
            shard.flush()
            shard.close()

    def _find(self, name: str) -> tuple[q.CreateCollection, edge.EdgeShard]:
        if name not in self._open:
            raise NotFoundError(f"Not found: Collection `{name}` doesn't exist!")
        return self._open[name]


def _check_size(size: int, expected: int) -> None:
    if size != expected:
        problem = f"expected dim: {expected}, got {size}"
        raise InputError(f"Wrong input: Vector dimension error: {problem}")


def _point(point: q.PointStruct, size: int) -> edge.Point:
    vector = list(point.vectors.vector.dense.data)
    _check_size(len(vector), size)
    payload = {key: _text(value) for key, value in point.payload.items()}
    return edge.Point(_id(point.id), vector, payload)


def _text(value: q.Value) -> str:
    if value.WhichOneof("kind") != "string_value":
        raise UnsupportedError("a payload that is not text")
    return value.string_value


def _filter(condition: q.Filter) -> edge.Filter:
    if condition.should or condition.must_not or condition.HasField("min_should"):
        raise UnsupportedError("a filter with more than `must`")
    return edge.Filter(must=list(map(_condition, condition.must)))


def _condition(condition: q.Condition) -> edge.FieldCondition | edge.HasIdCondition:
    if condition.HasField("has_id"):
        return edge.HasIdCondition(set(map(_id, condition.has_id.has_id)))
    if condition.field.match.WhichOneof("match_value") != "keyword":
        raise UnsupportedError("a condition that is neither an id nor a keyword")
    return edge.FieldCondition(
        condition.field.key, match=edge.MatchValue(condition.field.match.keyword)
    )


def _id(point: q.PointId) -> edge.PointId:
    try:
        return UUID(point.uuid) if point.HasField("uuid") else point.num
    except ValueError as error:
        raise InputError(f"Unable to parse UUID: {point.uuid}") from error


def _point_id(point: edge.PointId) -> q.PointId:
    return q.PointId(num=point) if isinstance(point, int) else q.PointId(uuid=str(point))


def _record(record: edge.Record) -> q.RetrievedPoint:
    retrieved = q.RetrievedPoint(id=_point_id(record.id), payload=_payload(record.payload))
    if record.vector is not None:
        retrieved.vectors.vector.data.extend(np.asarray(record.vector, np.float32).tolist())
    return retrieved


def _payload(payload: edge.Payload | None) -> dict[str, q.Value]:
    return {key: q.Value(string_value=text) for key, text in (payload or {}).items()}
