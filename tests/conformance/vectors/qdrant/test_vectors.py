"""The store on a Qdrant server: what each request holds, lost collections, closing."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import grpc
import pytest
from qdrant_client import grpc as q

from services.vectors.naming import collection_digest
from services.vectors.qdrant.server import RetryPolicy
from services.vectors.qdrant.vectors import QdrantVectors
from sluice.errors import Unavailable
from tests.conformance.vectors.points import FRAMES, bits, pick, random_points
from tests.conformance.vectors.qdrant_stores import (
    ATTEMPTS,
    POINTS,
    every_call,
    store_on,
)
from tests.qdrant_server.server import Fault, QdrantServer


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


async def test_a_write_that_fails_in_its_middle_is_not_done(
    server: QdrantServer, store: QdrantVectors
) -> None:
    """When a later page fails, the write fails; repeated, all points are stored."""
    points = random_points(2_500, name="b")
    server.fail("Points/Upsert", Fault())
    server.fail("Points/Upsert", Fault(grpc.StatusCode.UNAVAILABLE, times=ATTEMPTS))
    with pytest.raises(Unavailable):
        await store.write(FRAMES, "u", points)

    await store.write(FRAMES, "u", points)
    assert bits(points) == bits(await store.read(FRAMES, "u"))


async def test_a_collection_that_was_there_does_not_read_as_empty(
    server: QdrantServer, store: QdrantVectors
) -> None:
    """A collection that the server lost is Unavailable, until a write makes it anew."""
    server.drop(collection_digest(FRAMES))
    with pytest.raises(Unavailable, match="lacks"):
        await store.count(FRAMES, "t")

    await store.write(FRAMES, "t", POINTS)
    server.drop(collection_digest(FRAMES))
    with pytest.raises(Unavailable, match="lacks"):
        await store.write(FRAMES, "t", POINTS)
    await store.write(FRAMES, "t", POINTS)
    assert bits(POINTS) == bits(await store.read(FRAMES, "t"))


async def test_closing_waits_for_what_is_under_way(server: QdrantServer) -> None:
    """A write begun before closing ends whole; later calls are Unavailable."""
    points = random_points(2_500, name="b")
    async with store_on(server.url) as store:
        server.fail("Points/Upsert", Fault(delay_s=0.1, times=3))
        write = asyncio.create_task(store.write(FRAMES, "t", points))
        await asyncio.sleep(0)  # lets the write begin
        await store.close()
        await write
        with pytest.raises(Unavailable, match="closed"):
            await store.count(FRAMES, "t")

    async with store_on(server.url) as store:
        assert bits(points) == bits(await store.read(FRAMES, "t"))


async def test_a_killed_server_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    """The store outlives kill -9 of its server: what was written is there when that is back."""
    command = [sys.executable, "-m", "tests.qdrant_server", "--data", str(tmp_path), "--port"]

    async def start(port: str) -> tuple[asyncio.subprocess.Process, str]:
        process = await asyncio.create_subprocess_exec(
            *command, port, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        return process, (await process.stdout.readline()).decode().strip()

    process, url = await start("0")
    async with store_on(url, retry_policy=RetryPolicy()) as store:
        await store.write(FRAMES, "t", POINTS)
        await store.delete(FRAMES, "t", POINTS.ids[:2])
        process.kill()
        await process.wait()
        with pytest.raises(Unavailable, match="UNAVAILABLE"):
            await store.check()

        process, _ = await start(url.rpartition(":")[2])
        assert bits(pick(POINTS, range(2, 5))) == bits(await store.read(FRAMES, "t"))
        process.terminate()
        assert 0 == await process.wait()
