"""What becomes of a Qdrant server's failures: nothing in doubt is taken for done."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from qdrant_client import grpc as q

from services.vectors.naming import collection_digest
from services.vectors.qdrant.server import RetryPolicy
from services.vectors.qdrant.vectors import QdrantVectors
from sluice.errors import FailedPrecondition, InvalidArgument, ResourceExhausted, Unavailable
from tests.conformance.vectors.points import FRAMES, bits, pick, random_points
from tests.conformance.vectors.qdrant_stores import ATTEMPTS, QUICK, stand_in, store_on
from tests.qdrant_server.server import Fault, QdrantServer

POINTS = random_points(5, name="a")
PASSING = [
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.UNKNOWN,
]
IN_DOUBT = [
    q.UpdateStatus.UnknownUpdateStatus,
    q.UpdateStatus.Acknowledged,
    q.UpdateStatus.ClockRejected,
    q.UpdateStatus.WaitTimeout,
]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[QdrantServer]:
    """A stand-in for a Qdrant server."""
    async with stand_in(tmp_path) as started:
        yield started


@pytest.fixture
async def store(server: QdrantServer) -> AsyncIterator[QdrantVectors]:
    """An impatient store on the server, with five points."""
    async with store_on(server.url) as opened:
        await opened.write(FRAMES, "t", POINTS)
        server.calls.clear()
        yield opened


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("code", PASSING, ids=lambda code: code.name)
async def test_what_fails_in_passing_is_repeated(
    server: QdrantServer, store: QdrantVectors, code: grpc.StatusCode, done: bool
) -> None:
    """A write that fails, or whose answer is lost, is made again, and its points are there once."""
    points = random_points(3, name="b")
    server.fail("Points/Upsert", Fault(code, done=done, times=ATTEMPTS - 1))
    await store.write(FRAMES, "t", points)

    assert ATTEMPTS == len(server.requests("Points/Upsert"))
    assert bits(POINTS) | bits(points) == bits(await store.read(FRAMES, "t"))
    assert 8 == await store.count(FRAMES, "t")


@pytest.mark.parametrize("code", PASSING, ids=lambda code: code.name)
async def test_what_goes_on_failing_is_unavailable(
    server: QdrantServer, store: QdrantVectors, code: grpc.StatusCode
) -> None:
    """Once retry_policy is over, the error names the request, the server and its answer."""
    server.fail("Points/Scroll", Fault(code, "broken", times=ATTEMPTS))
    with pytest.raises(Unavailable) as caught:
        await store.read(FRAMES, "t")

    assert f"vectors: ScrollPoints at {server.url} failed: {code.name}: broken, 3 times" == str(
        caught.value
    )
    assert caught.value.retry_after_s is not None
    assert ATTEMPTS == len(server.requests("Points/Scroll"))
    assert bits(POINTS) == bits(await store.read(FRAMES, "t"))


@pytest.mark.parametrize("status", IN_DOUBT, ids=q.UpdateStatus.Name)
async def test_a_change_in_doubt_is_not_taken_for_done(
    server: QdrantServer, store: QdrantVectors, status: q.UpdateStatus.ValueType
) -> None:
    """An update answered with anything but Completed is repeated, and then Unavailable."""
    name = q.UpdateStatus.Name(status)
    server.fail("Points/Upsert", Fault(status=status, times=ATTEMPTS))
    server.fail("Points/Delete", Fault(status=status, times=2 * ATTEMPTS))
    with pytest.raises(Unavailable, match=f"UpsertPoints .*{name}"):
        await store.write(FRAMES, "t", POINTS)
    with pytest.raises(Unavailable, match=f"DeletePoints .*{name}"):
        await store.delete(FRAMES, "t", POINTS.ids[:1])
    with pytest.raises(Unavailable, match=f"DeletePoints .*{name}"):
        await store.delete_tenant(FRAMES, "t")
    calls = [len(server.requests(method)) for method in ("Points/Upsert", "Points/Delete")]
    assert [ATTEMPTS, 2 * ATTEMPTS] == calls

    server.fail("Points/Upsert", Fault(status=status, times=ATTEMPTS - 1))
    await store.write(FRAMES, "t", POINTS)


async def test_a_write_that_fails_in_its_middle_is_not_done(
    server: QdrantServer, store: QdrantVectors
) -> None:
    """When a later page fails, the whole write does; repeated, it is whole."""
    points = random_points(2_500, name="b")
    server.fail("Points/Upsert", Fault())
    server.fail("Points/Upsert", Fault(grpc.StatusCode.UNAVAILABLE, times=ATTEMPTS))
    with pytest.raises(Unavailable):
        await store.write(FRAMES, "u", points)

    await store.write(FRAMES, "u", points)
    assert bits(points) == bits(await store.read(FRAMES, "u"))


async def test_a_call_without_answer_ends(server: QdrantServer) -> None:
    """A server that takes calls and does not answer is Unavailable after the deadline."""
    server.fail("Points/Count", Fault(delay_s=60, times=2))
    retry_policy = RetryPolicy(timeout_s=0.2, attempts=2, backoff_s=0.001)
    async with store_on(server.url) as writer:
        await writer.write(FRAMES, "t", POINTS)
    async with store_on(server.url, retry_policy=retry_policy) as store:
        with pytest.raises(Unavailable, match=r"CountPoints .*DEADLINE_EXCEEDED"):
            await store.count(FRAMES, "t")
        assert 2 == len(server.requests("Points/Count"))


@pytest.mark.parametrize(
    "fault",
    [
        Fault(grpc.StatusCode.RESOURCE_EXHAUSTED, "rate limit"),
        # The words of Qdrant's disk usage watcher.
        Fault(
            grpc.StatusCode.INTERNAL,
            "Service internal error: No space left on device: WAL buffer size exceeds available "
            "disk space",
        ),
    ],
    ids=["limit", "disk"],
)
async def test_a_full_server_is_exhausted(
    server: QdrantServer, store: QdrantVectors, fault: Fault
) -> None:
    """A limit of the server or a full disk is ResourceExhausted at once; reads go on."""
    server.fail("Points/Upsert", fault)
    with pytest.raises(ResourceExhausted, match="UpsertPoints"):
        await store.write(FRAMES, "t", random_points(3, name="b"))

    assert 1 == len(server.requests("Points/Upsert"))
    assert 5 == await store.count(FRAMES, "t")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidArgument),
        (grpc.StatusCode.UNAUTHENTICATED, Unavailable),
        (grpc.StatusCode.PERMISSION_DENIED, Unavailable),
        (grpc.StatusCode.UNIMPLEMENTED, Unavailable),
    ],
)
async def test_what_will_fail_again_is_not_repeated(
    server: QdrantServer, store: QdrantVectors, code: grpc.StatusCode, error: type[Exception]
) -> None:
    """A wrong request is InvalidArgument; a refused key, no fault of our caller, Unavailable."""
    server.fail("Points/Count", Fault(code))
    with pytest.raises(error, match="CountPoints"):
        await store.count(FRAMES, "t")

    assert 1 == len(server.requests("Points/Count"))


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


async def test_no_point_is_written_without_the_index(server: QdrantServer) -> None:
    """While the index cannot be made nothing is written; the next write goes on from there."""
    server.fail("Points/CreateFieldIndex", Fault(grpc.StatusCode.UNAVAILABLE, times=ATTEMPTS))
    async with store_on(server.url) as store:
        with pytest.raises(Unavailable, match="CreateFieldIndexCollection"):
            await store.write(FRAMES, "t", POINTS)
        assert [] == server.requests("Points/Upsert")

        await store.write(FRAMES, "t", POINTS)
        assert 1 == len(server.requests("Collections/Create"))
        assert 5 == await store.count(FRAMES, "t")


@pytest.mark.parametrize("code", [grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.INVALID_ARGUMENT])
async def test_a_creation_whose_answer_was_lost_is_fine(
    server: QdrantServer, code: grpc.StatusCode
) -> None:
    """A collection that already exists, however Qdrant says so, is as good as a new one."""
    details = "Wrong input: Can't create collection. Collection data already exists at ./storage"
    server.fail("Collections/Create", Fault(code, details, done=True))
    async with store_on(server.url) as store:
        await store.write(FRAMES, "t", POINTS)
        assert bits(POINTS) == bits(await store.read(FRAMES, "t"))


@pytest.mark.parametrize("version", ["1.18.9", "0.99.0", "1.9.0"])
async def test_an_old_server_is_refused(tmp_path: Path, version: str) -> None:
    """Opening a store on a Qdrant older than the oldest supported names its version."""
    async with stand_in(tmp_path, version=version) as old:
        with pytest.raises(FailedPrecondition, match=f"version {version}, expected 1.19 or later"):
            await QdrantVectors.open(old.url, retry_policy=QUICK)


@pytest.mark.parametrize("version", ["1.19.0", "1.20.1-dev", "2.0.0"])
async def test_a_server_of_any_later_version_is_accepted(tmp_path: Path, version: str) -> None:
    """The oldest supported version and all later ones are opened."""
    async with stand_in(tmp_path, version=version) as server, store_on(server.url) as store:
        await store.check()


async def test_the_server_may_start_later(tmp_path: Path) -> None:
    """A store opens while its server is away, says so when asked, and works once it is there."""
    async with stand_in(tmp_path) as first:
        port = first.port
    async with store_on(f"http://127.0.0.1:{port}", retry_policy=RetryPolicy()) as store:
        with pytest.raises(Unavailable, match="HealthCheckRequest"):
            await store.check()
        server = await QdrantServer(tmp_path).start(port)
        await store.write(FRAMES, "t", POINTS)
        await store.check()
        await server.stop()


async def test_a_server_that_starts_later_may_be_too_old(tmp_path: Path) -> None:
    """What opening could not check is checked before the first call, of which nothing is done."""
    async with stand_in(tmp_path) as first:
        port = first.port
    async with store_on(f"http://127.0.0.1:{port}", retry_policy=RetryPolicy()) as store:
        server = await QdrantServer(tmp_path, version="1.18.0").start(port)
        with pytest.raises(FailedPrecondition, match=r"version 1\.18\.0"):
            await store.write(FRAMES, "t", POINTS)
        assert {"Qdrant/HealthCheck"} == {call.method for call in server.calls}
        await server.stop()


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
