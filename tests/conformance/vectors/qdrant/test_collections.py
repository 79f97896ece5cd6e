"""Collections on a Qdrant server: created once, with their index, whoever else creates them."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from qdrant_client import grpc as q

from services.vectors.naming import collection_digest
from services.vectors.qdrant.collections import CollectionLayout
from sluice.errors import FailedPrecondition, Unavailable
from tests.conformance.vectors.points import FRAMES, bits, pick, random_points
from tests.conformance.vectors.qdrant_stores import (
    ATTEMPTS,
    POINTS,
    store_on,
)
from tests.qdrant_server.server import Fault, QdrantServer


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


async def test_a_missing_index_is_created(server: QdrantServer) -> None:
    """After a process died between collection and index, the next write creates the index."""
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


async def test_a_collection_with_other_vectors_is_rejected(server: QdrantServer) -> None:
    """A collection with another dimension or distance is rejected, and not written to."""
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


async def test_no_point_is_written_without_the_index(server: QdrantServer) -> None:
    """Nothing is written while the index cannot be created; the next write creates it."""
    server.fail("Points/CreateFieldIndex", Fault(grpc.StatusCode.UNAVAILABLE, times=ATTEMPTS))
    async with store_on(server.url) as store:
        with pytest.raises(Unavailable, match="CreateFieldIndexCollection"):
            await store.write(FRAMES, "t", POINTS)
        assert [] == server.requests("Points/Upsert")

        await store.write(FRAMES, "t", POINTS)
        assert 1 == len(server.requests("Collections/Create"))
        assert 5 == await store.count(FRAMES, "t")


@pytest.mark.parametrize("code", [grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.INVALID_ARGUMENT])
async def test_an_existing_collection_is_used(server: QdrantServer, code: grpc.StatusCode) -> None:
    """A collection that already exists, however Qdrant reports it, is used like a new one."""
    details = "Wrong input: Can't create collection. Collection data already exists at ./storage"
    server.fail("Collections/Create", Fault(code, details, done=True))
    async with store_on(server.url) as store:
        await store.write(FRAMES, "t", POINTS)
        assert bits(POINTS) == bits(await store.read(FRAMES, "t"))
