"""Connections to Redis: rejected commands, retries, cancellation and limits."""

from __future__ import annotations

import asyncio

import pytest

from services.ledger.interface import ABSENT, Add, Transaction
from services.ledger.redis.ledger import RedisLedger
from sluice import errors
from tests.redis_server import RedisServer

STEPS = 60
"""More turns of the event loop than a read takes."""

PATIENCE_S = 30


async def test_scripts_are_loaded_again_after_a_flush(
    server: RedisServer, ledger: RedisLedger
) -> None:
    """Neither a commit nor a scan notices `SCRIPT FLUSH`."""
    await ledger.commit(Transaction("p", puts={"a": b"1"}))
    server.cli("SCRIPT", "FLUSH")
    await ledger.commit(Transaction("p", puts={"b": b"1"}, adds={"n": Add(1)}))
    server.cli("SCRIPT", "FLUSH")

    assert ["a", "b"] == [entry.key for entry in await ledger.scan("p", "", limit=9)]
    assert {"n": 1} == await ledger.counters("p", ["n"])


async def test_without_memory_commits_are_refused_and_reads_go_on(
    server: RedisServer, ledger: RedisLedger
) -> None:
    """ResourceExhausted, with nothing applied; a ledger that opens now reads too."""
    await ledger.commit(Transaction("p", puts={"a": b"1"}))
    server.cli("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(errors.ResourceExhausted, match="memory is exhausted"):
        await ledger.commit(Transaction("p", puts={"b": b"1"}, adds={"n": Add(1)}))
    late = await RedisLedger.open(server.url())
    assert ["a"] == [entry.key for entry in await late.scan("p", "", limit=9)]
    await late.close()

    server.cli("CONFIG", "SET", "maxmemory", "0")
    await ledger.commit(Transaction("p", puts={"b": b"1"}, adds={"n": Add(1)}))
    assert {"n": 1} == await ledger.counters("p", ["n"])


@pytest.mark.parametrize(
    ("refuse", "allow", "problem"),
    [
        (["CONFIG", "SET", "min-replicas-to-write", "1"],
         ["CONFIG", "SET", "min-replicas-to-write", "0"], "NOREPLICAS"),
        (["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"], "READONLY"),
    ],
)  # fmt: skip
async def test_a_server_that_refuses_writes_is_unavailable(
    server: RedisServer, ledger: RedisLedger, refuse: list[str], allow: list[str], problem: str
) -> None:
    """Callers get Redis's reason at once, with nothing applied; later commits work."""
    await ledger.commit(Transaction("p", puts={"a": b"1"}))
    server.cli(*refuse)
    with pytest.raises(errors.Unavailable, match=problem):
        await ledger.commit(Transaction("p", puts={"b": b"1"}))

    server.cli(*allow)
    await ledger.commit(Transaction("p", {"b": ABSENT}, {"b": b"1"}))


async def test_calls_to_a_busy_server_are_retried(server: RedisServer, ledger: RedisLedger) -> None:
    """While somebody's script blocks Redis, commits and reads wait; then they are done."""
    await ledger.commit(Transaction("p", puts={"a": b"1"}))
    server.cli("CONFIG", "SET", "busy-reply-threshold", "1")
    script = asyncio.create_task(
        asyncio.to_thread(server.cli, "EVAL", "while true do end", "0"),
    )
    while "BUSY" not in await asyncio.to_thread(server.cli, "PING"):
        pass
    hasty = asyncio.create_task(RedisLedger.open(server.url(), patience_s=0))
    commit = asyncio.create_task(ledger.commit(Transaction("p", puts={"b": b"1"})))
    with pytest.raises(errors.Unavailable):
        await hasty
    assert not commit.done()
    server.cli("SCRIPT", "KILL")
    await script

    await commit
    assert ["a", "b"] == list(await ledger.get("p", ["a", "b"]))


async def test_connections_are_bounded(server: RedisServer) -> None:
    """However many calls run at once, the limit of connections holds."""
    ledger = await RedisLedger.open(server.url(), connections_max=3)
    await asyncio.gather(
        *[ledger.get("p", ["a"]) for _ in range(50)],
        *[ledger.commit(Transaction("p", adds={"n": Add(1)})) for _ in range(50)],
    )

    # redis-cli is a client of its own.
    assert 3 + 1 == len(server.cli("CLIENT", "LIST").splitlines())
    await ledger.close()
    assert 1 == len(server.cli("CLIENT", "LIST").splitlines())


async def read_on(ledger: RedisLedger, stopped: asyncio.Event) -> None:
    """Read again and again, like the projector between two pages."""
    while not stopped.is_set():
        await ledger.scan("p", "x", limit=1)
        await ledger.get("p", ["a"])


@pytest.mark.parametrize("attempt", range(5))
async def test_a_cancelled_reader_ends(ledger: RedisLedger, attempt: int) -> None:
    """A single cancellation ends a reader, at whatever step of a read it arrives."""
    lost = []
    for steps in range(1, STEPS):
        stopped = asyncio.Event()
        reading = asyncio.create_task(read_on(ledger, stopped))
        for _ in range(steps):
            await asyncio.sleep(0)
        reading.cancel()
        for _ in range(3):
            await ledger.get("p", ["b"])
        stopped.set()
        await asyncio.wait({reading}, timeout=PATIENCE_S)
        if not reading.cancelled():
            lost.append(steps)
    assert [] == lost


async def test_a_timeout_stays_a_timeout(ledger: RedisLedger) -> None:
    """A read past its timeout raises TimeoutError, and the next read works."""
    for steps in range(1, STEPS):
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):  # noqa: PT012 - the time is over amid one of the reads
            async with asyncio.timeout(None) as time:
                for _ in range(steps):
                    await ledger.get("p", ["a"])
                time.reschedule(loop.time())
                await read_on(ledger, asyncio.Event())
        assert {} == await ledger.get("p", ["a"])
