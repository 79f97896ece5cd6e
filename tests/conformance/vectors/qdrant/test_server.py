"""Calls of a Qdrant server: deadline, API key, retries and errors."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from qdrant_client import grpc as q

from services.vectors.qdrant.server import RetryPolicy
from services.vectors.qdrant.vectors import QdrantVectors
from sluice.errors import FailedPrecondition, InvalidArgument, ResourceExhausted, Unavailable
from tests.conformance.vectors.points import FRAMES, bits, random_points
from tests.conformance.vectors.qdrant_stores import (
    ATTEMPTS,
    POINTS,
    QUICK,
    every_call,
    stand_in,
    store_on,
)
from tests.qdrant_server.server import Fault, QdrantServer


async def test_every_call_has_key_and_deadline(server: QdrantServer) -> None:
    """Each call carries the API key and ends by itself."""
    async with store_on(server.url, api_key="secret") as store:
        await every_call(store, "t")

    assert {"secret"} == {call.metadata.get("api-key") for call in server.calls}
    rounded_up_s = QUICK.timeout_s + 1
    assert all(call.deadline_s and call.deadline_s <= rounded_up_s for call in server.calls)


async def test_qdrant_is_reached_without_a_proxy(
    server: QdrantServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy for the internet, here one that does not listen, is not asked for the store."""
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with store_on(server.url) as store:
        await every_call(store, "t")

    assert server.calls


@pytest.mark.parametrize("url", ["localhost:6334", "ftp://host", "http://", "http://host/path"])
async def test_a_malformed_address_is_rejected(url: str) -> None:
    """An address without http or https, or with more than host and port, is InvalidArgument."""
    with pytest.raises(InvalidArgument, match="url"):
        await QdrantVectors.open(url)


TRANSIENT = [
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


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("code", TRANSIENT, ids=lambda code: code.name)
async def test_transient_failures_are_retried(
    server: QdrantServer, store: QdrantVectors, code: grpc.StatusCode, done: bool
) -> None:
    """A write that fails, or loses its response, is retried, and its points are stored once."""
    points = random_points(3, name="b")
    server.fail("Points/Upsert", Fault(code, done=done, times=ATTEMPTS - 1))
    await store.write(FRAMES, "t", points)

    assert ATTEMPTS == len(server.requests("Points/Upsert"))
    assert bits(POINTS) | bits(points) == bits(await store.read(FRAMES, "t"))
    assert 8 == await store.count(FRAMES, "t")


@pytest.mark.parametrize("code", TRANSIENT, ids=lambda code: code.name)
async def test_a_persistent_failure_is_unavailable(
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
async def test_an_uncertain_update_is_retried(
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


async def test_a_call_without_answer_ends(server: QdrantServer) -> None:
    """A server that accepts calls and never responds is Unavailable after the deadline."""
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
async def test_permanent_failures_are_not_retried(
    server: QdrantServer, store: QdrantVectors, code: grpc.StatusCode, error: type[Exception]
) -> None:
    """A wrong request is InvalidArgument; a rejected API key is Unavailable."""
    server.fail("Points/Count", Fault(code))
    with pytest.raises(error, match="CountPoints"):
        await store.count(FRAMES, "t")

    assert 1 == len(server.requests("Points/Count"))


@pytest.mark.parametrize("version", ["1.18.9", "0.99.0", "1.9.0"])
async def test_an_old_server_is_rejected(tmp_path: Path, version: str) -> None:
    """The error names the version of a Qdrant that is older than the oldest supported one."""
    async with stand_in(tmp_path, version=version) as old:
        with pytest.raises(FailedPrecondition, match=f"version {version}, expected 1.19 or later"):
            await QdrantVectors.open(old.url, retry_policy=QUICK)


@pytest.mark.parametrize("version", ["1.19.0", "1.20.1-dev", "2.0.0"])
async def test_a_server_of_any_later_version_is_accepted(tmp_path: Path, version: str) -> None:
    """The oldest supported version and all later ones are opened."""
    async with stand_in(tmp_path, version=version) as server, store_on(server.url) as store:
        await store.check()


async def test_the_server_may_start_later(tmp_path: Path) -> None:
    """A store opens without its server, reports it as unavailable, and works once it runs."""
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
    """A version that could not be checked at opening is checked before the first call."""
    async with stand_in(tmp_path) as first:
        port = first.port
    async with store_on(f"http://127.0.0.1:{port}", retry_policy=RetryPolicy()) as store:
        server = await QdrantServer(tmp_path, version="1.18.0").start(port)
        with pytest.raises(FailedPrecondition, match=r"version 1\.18\.0"):
            await store.write(FRAMES, "t", POINTS)
        assert {"Qdrant/HealthCheck"} == {call.method for call in server.calls}
        await server.stop()
