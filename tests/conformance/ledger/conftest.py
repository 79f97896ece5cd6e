"""Every test of this folder that asks for a ledger runs against each of `LEDGERS`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from services.ledger.interface import Ledger
from services.ledger.redis.ledger import RedisLedger
from services.ledger.sqlite.ledger import SqliteLedger
from tests.redis_server import RedisServer, running

Open = Callable[[], Awaitable[Ledger]]
"""Opens one and the same store: again once it was closed."""


Store = AbstractAsyncContextManager[Open]

_databases = count()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The server whose databases the tests use, one after the other; it is started on demand."""
    with running() as server:
        yield server


@asynccontextmanager
async def sqlite(request: pytest.FixtureRequest) -> AsyncIterator[Open]:
    """A new store in a file."""
    with TemporaryDirectory(prefix="ledger-") as folder:
        yield partial(SqliteLedger.open, Path(folder) / "ledger.sqlite")


@asynccontextmanager
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Open]:
    """A new store in a database that no test used yet."""
    server: RedisServer = request.getfixturevalue("redis_server")
    yield partial(RedisLedger.open, server.url(next(_databases)))


LEDGERS: list[Callable[[pytest.FixtureRequest], Store]] = [
    sqlite,
    redis,
]


@pytest.fixture(params=LEDGERS, ids=lambda ledger: ledger.__name__)
def new_store(request: pytest.FixtureRequest) -> Callable[[], Store]:
    """Makes an empty store of one implementation, as often as called."""
    make: Callable[[pytest.FixtureRequest], Store] = request.param
    return partial(make, request)


@pytest.fixture
async def open_ledger(
    new_store: Callable[[], Store],
) -> AsyncIterator[Open]:
    """Opens the test's store; the test closes what it opened."""
    async with new_store() as open_store:
        yield open_store


@pytest.fixture
async def ledger(open_ledger: Open) -> AsyncIterator[Ledger]:
    """The test's store, opened; a test may close it itself and go on with `open_ledger`."""
    opened = await open_ledger()
    yield opened
    await opened.close()
