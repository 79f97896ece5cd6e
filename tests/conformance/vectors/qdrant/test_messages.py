"""Messages for Qdrant: their size, and vectors without Python floats."""

from __future__ import annotations

import numpy as np
import pytest
from qdrant_client import grpc as q

from services.vectors.interface import Points
from services.vectors.qdrant import messages
from tests.conformance.vectors.points import FRAMES, NewCollection, bits, pick, random_points
from tests.conformance.vectors.qdrant_stores import (
    POINTS,
    store_on,
)
from tests.qdrant_server.server import QdrantServer


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
