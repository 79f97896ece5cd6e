"""Whoever reads the Redis ledger can be cancelled at any moment, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from services.ledger.redis.ledger import RedisLedger
from tests.redis_server import RedisServer, running

STEPS = 60
"""More turns of the event loop than a read takes."""

PATIENCE_S = 30


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A server."""
    with running() as server:
        yield server


@pytest.fixture
async def ledger(redis: RedisServer) -> AsyncIterator[RedisLedger]:
    """A ledger on it."""
    opened = await RedisLedger.open(redis.url())
    yield opened
    await opened.close()


async def read_on(ledger: RedisLedger, stopped: asyncio.Event) -> None:
    """Read again and again, like the projector between two pages."""
    while not stopped.is_set():
        await ledger.scan("p", "x", limit=1)
        await ledger.get("p", ["a"])


@pytest.mark.parametrize("attempt", range(5))
async def test_a_cancelled_reader_ends(ledger: RedisLedger, attempt: int) -> None:
    """One cancellation ends who reads, whatever step of a read it meets."""
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
    """A reader whose time is over hears so, and can read again."""
    for steps in range(1, STEPS):
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):  # noqa: PT012 - the time is over amid one of the reads
            async with asyncio.timeout(None) as time:
                for _ in range(steps):
                    await ledger.get("p", ["a"])
                time.reschedule(loop.time())
                await read_on(ledger, asyncio.Event())
        assert {} == await ledger.get("p", ["a"])
