"""What the store asks of a Qdrant server: how collections are made, and what each call carries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from qdrant_client import grpc as q

from services.vectors.interface import Points
from services.vectors.naming import collection_digest
from services.vectors.qdrant import messages
from services.vectors.qdrant.collections import CollectionLayout
from services.vectors.qdrant.vectors import QdrantVectors
from sluice.errors import FailedPrecondition, InvalidArgument
from tests.conformance.vectors.points import FRAMES, NewCollection, bits, pick, random_points
from tests.conformance.vectors.qdrant_stores import QUICK, stand_in, store_on
from tests.qdrant_server.server import Fault, QdrantServer

POINTS = random_points(5, name="a")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[QdrantServer]:
    """A stand-in for a Qdrant server."""
    async with stand_in(tmp_path) as started:
        yield started


async def every_call(store: QdrantVectors, tenant: str) -> None:
    """Make each call of the interface, on a tenant with five points."""
    await store.write(FRAMES, tenant, POINTS)
    await store.read(FRAMES, tenant)
    await store.retrieve(FRAMES, tenant, POINTS.ids)
    await store.count(FRAMES, tenant)
    await store.search(FRAMES, tenant, POINTS.vectors[0], limit=3)
    await store.delete(FRAMES, tenant, POINTS.ids[:2])
    await store.delete_tenant(FRAMES, tenant)


async def test_every_change_waits(server: QdrantServer) -> None:
    """Upserts, deletes and the index wait until they are in effect, all in one order."""
    async with store_on(server.url) as store:
        await every_call(store, "t")

    changes = [
        *server.requests("Points/CreateFieldIndex"),
        *server.requests("Points/Upsert"),
        *server.requests("Points/Delete"),
    ]
    assert [True] * 4 == [change.wait for change in changes]
    assert [q.WriteOrderingType.Medium] * 3 == [change.ordering.type for change in changes[1:]]


async def test_every_read_and_delete_has_a_tenant(server: QdrantServer) -> None:
    """Nothing is read or deleted by a call that is not filtered by the tenant."""
    async with store_on(server.url) as store:
        await every_call(store, "t")

    filters = [
        *(request.filter for request in server.requests("Points/Scroll")),
        *(request.filter for request in server.requests("Points/Count")),
        *(request.filter for request in server.requests("Points/Query")),
        *(request.points.filter for request in server.requests("Points/Delete")),
    ]
    tenant = q.Condition(field=q.FieldCondition(key="tenant", match=q.Match(keyword="t")))
    assert [tenant] * 6 == [condition.must[0] for condition in filters]
    methods = {call.method for call in server.calls if call.method.startswith("Points/")}
    assert {"Count", "CreateFieldIndex", "Delete", "Query", "Scroll", "Upsert"} == {
        method.removeprefix("Points/") for method in methods
    }


async def test_every_call_has_key_and_deadline(server: QdrantServer) -> None:
    """Each call carries the API key and ends by itself."""
    async with store_on(server.url, api_key="secret") as store:
        await every_call(store, "t")

    assert {"secret"} == {call.metadata.get("api-key") for call in server.calls}
    rounded_up_s = QUICK.timeout_s + 1
    assert all(call.deadline_s and call.deadline_s <= rounded_up_s for call in server.calls)


async def test_every_read_is_as_consistent_as_set(server: QdrantServer) -> None:
    """Scrolls, counts and searches ask for the consistency that the store was opened with."""
    async with store_on(server.url, read_consistency="quorum") as store:
        await every_call(store, "t")

    reads = [
        request.read_consistency.type
        for method in ("Scroll", "Count", "Query")
        for request in server.requests(f"Points/{method}")
    ]
    assert [q.ReadConsistencyType.Quorum] * 4 == reads


async def test_a_collection_is_ready_before_its_first_point(server: QdrantServer) -> None:
    """The first write makes collection and index, then writes; the second only writes."""
    layout = CollectionLayout(shard_number=6, replication_factor=3, write_consistency_factor=2)
    async with store_on(server.url, layout=layout) as store:
        await store.write(FRAMES, "t", pick(POINTS, [0]))
        await store.write(FRAMES, "t", pick(POINTS, [1]))

    assert [
        "Qdrant/HealthCheck",
        "Collections/Get",
        "Collections/Create",
        "Collections/Get",
        "Points/CreateFieldIndex",
        "Points/Upsert",
        "Points/Upsert",
    ] == [call.method for call in server.calls]
    [creation] = server.requests("Collections/Create")
    [index] = server.requests("Points/CreateFieldIndex")
    assert collection_digest(FRAMES) == creation.collection_name == index.collection_name
    assert q.VectorParams(size=8, distance=q.Distance.Dot) == creation.vectors_config.params
    assert q.HnswConfigDiff(m=0, payload_m=16, ef_construct=100) == creation.hnsw_config
    spread = creation.shard_number, creation.replication_factor, creation.write_consistency_factor
    assert (6, 3, 2) == spread
    assert ("resnet", 8) == (
        creation.metadata["model_id"].string_value,
        creation.metadata["dimension"].integer_value,
    )
    assert "tenant" == index.field_name
    assert index.field_index_params.keyword_index_params.is_tenant


async def test_several_processes_make_one_collection(server: QdrantServer) -> None:
    """Of several first writes at once, one makes the collection, and all points are there."""
    server.fail("Collections/Create", Fault(delay_s=0.2))  # so that the others meet it half made
    points = random_points(8, name="a")

    async def write(row: int) -> None:
        async with store_on(server.url) as store:
            await store.write(FRAMES, "t", pick(points, [row]))

    await asyncio.gather(*map(write, range(8)))

    assert 1 < len(server.requests("Collections/Create"))
    async with store_on(server.url) as store:
        assert bits(points) == bits(await store.read(FRAMES, "t"))


async def test_a_collection_left_without_its_index_gets_it(server: QdrantServer) -> None:
    """What a process left that died before it made the index is finished by the next write."""
    async with store_on(server.url) as store:
        await store.write(FRAMES, "t", POINTS)
    [creation] = server.requests("Collections/Create")
    async with store_on(server.url) as store:
        server.drop(creation.collection_name)
        server.create(creation)
        server.calls.clear()
        await store.write(FRAMES, "t", POINTS)

    assert [
        "Qdrant/HealthCheck",
        "Collections/Get",
        "Points/CreateFieldIndex",
        "Points/Upsert",
    ] == ["Qdrant/HealthCheck", *(call.method for call in server.calls)]


async def test_another_collection_of_that_name_is_refused(server: QdrantServer) -> None:
    """A collection whose vectors are of another dimension or distance is not written to."""
    async with store_on(server.url) as store:
        await store.write(FRAMES, "t", POINTS)
        [creation] = server.requests("Collections/Create")
    for size, distance in ((9, q.Distance.Dot), (8, q.Distance.Cosine)):
        params = q.VectorParams(size=size, distance=distance)
        creation.vectors_config.params.CopyFrom(params)
        server.drop(creation.collection_name)
        server.create(creation)
        async with store_on(server.url) as store:
            with pytest.raises(FailedPrecondition, match=f"{size} dimensions"):
                await store.write(FRAMES, "t", POINTS)


async def test_large_writes_and_reads_are_cut(
    server: QdrantServer, new_collection: NewCollection
) -> None:
    """1,000 points of 2,048 numbers travel in requests and answers of a few megabytes each."""
    collection = new_collection(2_048)
    points = random_points(1_000, name="a", dimension=2_048)
    async with store_on(server.url) as store:
        await store.write(collection, "t", points)
        read = await store.read(collection, "t")

    sizes = [request.ByteSize() for request in server.requests("Points/Upsert")]
    assert [511, 489] == [len(request.points) for request in server.requests("Points/Upsert")]
    assert max(sizes) < 1.1 * messages.PAGE_BYTES
    assert [512, 512] == [request.limit for request in server.requests("Points/Scroll")]
    assert bits(points) == bits(read)


async def test_many_small_points_are_cut_too(server: QdrantServer) -> None:
    """No request holds more than 1,000 points, and none more payload than the limit."""
    points = random_points(1_001, name="a")
    large = Points(points.ids[:3], points.vectors[:3], [{"a": "x" * 3_000_000}] * 3)
    async with store_on(server.url) as store:
        await store.write(FRAMES, "t", points)
        await store.write(FRAMES, "t", large)

    requests = server.requests("Points/Upsert")
    assert [1_000, 1, 1, 1, 1] == [len(request.points) for request in requests]


@pytest.mark.parametrize("filled", ["data", "dense"])
def test_vectors_are_read_from_either_field(filled: str) -> None:
    """A vector is read from the field of old and from the one that replaces it."""
    record = q.RetrievedPoint(
        id=q.PointId(uuid=str(POINTS.ids[0])),
        payload={"payload": q.Value(string_value='{"row":0}')},
    )
    output = record.vectors.vector
    field = output.data if filled == "data" else output.dense.data
    field.extend(POINTS.vectors[0].tolist())

    assert bits(pick(POINTS, [0])) == bits(messages.to_points(FRAMES, [record]))


@pytest.mark.parametrize("dimension", [2, 31, 32, 8_192])
def test_a_dense_vector_is_protobufs_own(dimension: int) -> None:
    """The bytes that are made without protobuf mean what its own would."""
    vector = np.random.default_rng(0).standard_normal(dimension).astype(np.float32)

    assert q.DenseVector(data=vector.tolist()) == messages.to_dense(vector)


@pytest.mark.parametrize("url", ["localhost:6334", "ftp://host", "http://", "http://host/path"])
async def test_an_address_without_sense_is_refused(url: str) -> None:
    """An address without http or https, or with more than host and port, is InvalidArgument."""
    with pytest.raises(InvalidArgument, match="url"):
        await QdrantVectors.open(url)
