"""A Redis server of the test's own, and a ledger on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from services.ledger.redis.ledger import RedisLedger
from tests.redis_server import RedisServer, running


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server of the test's own, that no ledger has to wait for."""
    with running() as started:
        started.rewrite()
        yield started


@pytest.fixture
async def ledger(server: RedisServer) -> AsyncIterator[RedisLedger]:
    """The ledger under test."""
    opened = await RedisLedger.open(server.url())
    yield opened
    await opened.close()
