"""A Redis server that is killed while commits are under way loses none that it acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count

import pytest

from services.ledger.interface import ABSENT, Add, Transaction
from services.ledger.redis.ledger import RedisLedger
from sluice import errors
from tests.redis_server import RedisServer, running

KILLS = 5
COMMITTERS = 8
COMMITS_PER_KILL = 40


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server of the test's own."""
    with running() as started:
        yield started


class Committers:
    """Several tasks that commit numbers, each new to the ledger, and note what was acknowledged."""

    def __init__(self, ledger: RedisLedger) -> None:
        self.acknowledged: list[str] = []
        self.given_up = 0
        self._ledger = ledger
        self._numbers = count()
        self._news = asyncio.Event()
        self._stopping = False
        self._tasks = [asyncio.create_task(self._commit()) for _ in range(COMMITTERS)]

    async def progress(self) -> None:
        """Wait for some more acknowledgements."""
        enough = len(self.acknowledged) + COMMITS_PER_KILL
        while len(self.acknowledged) < enough:
            self._news.clear()
            await self._news.wait()

    async def stop(self) -> None:
        """Wait for the commits under way."""
        self._stopping = True
        await asyncio.gather(*self._tasks)

    async def _commit(self) -> None:
        for number in self._numbers:
            if self._stopping:
                return
            key = f"{number:08}"
            transaction = Transaction(
                "p", checks={key: ABSENT}, puts={key: b"x" * 200}, adds={"committed": Add(1)}
            )
            try:
                await self._ledger.commit(transaction)
            except errors.Unavailable:
                self.given_up += 1
            else:
                self.acknowledged.append(key)
                self._news.set()


async def kept(ledger: RedisLedger) -> tuple[list[str], int]:
    """The keys in the ledger, and how many the counter beside them says there are."""
    entries = await ledger.scan("p", "", limit=10**6)
    counters = await ledger.counters("p", ["committed"])
    return [entry.key for entry in entries], counters["committed"]


async def test_commits_go_on_across_kills(server: RedisServer) -> None:
    """The server is killed and started five times; every commit is applied exactly once."""
    ledger = await RedisLedger.open(server.url(), patience_s=60)
    committers = Committers(ledger)
    for _ in range(KILLS):
        await committers.progress()
        server.kill()
        await asyncio.to_thread(server.start)
    await committers.progress()
    await committers.stop()

    keys, committed = await kept(ledger)
    assert sorted(committers.acknowledged) == keys
    assert len(keys) == committed
    assert 0 == committers.given_up
    await ledger.close()


async def test_what_was_acknowledged_is_kept_when_the_server_stays_away(
    server: RedisServer,
) -> None:
    """Callers with an unknown outcome get Unavailable; all other commits are stored."""
    server.rewrite()
    ledger = await RedisLedger.open(server.url(), patience_s=0.1)
    committers = Committers(ledger)
    await committers.progress()
    server.kill()
    await committers.stop()
    await ledger.close()
    await asyncio.to_thread(server.start)

    reopened = await RedisLedger.open(server.url())
    keys, committed = await kept(reopened)
    assert set(committers.acknowledged) <= set(keys)
    assert len(keys) == committed
    assert 0 < committers.given_up
    await reopened.close()
