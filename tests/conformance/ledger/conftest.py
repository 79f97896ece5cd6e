"""Every test of this folder that asks for a ledger runs against each of `LEDGERS`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from services.ledger.interface import Ledger
from services.ledger.sqlite import SqliteLedger

Open = Callable[[], Awaitable[Ledger]]
"""Opens one and the same store: again once it was closed."""


@asynccontextmanager
async def sqlite() -> AsyncIterator[Open]:
    """A new store in a file."""
    with TemporaryDirectory(prefix="ledger-") as folder:
        yield partial(SqliteLedger.open, Path(folder) / "ledger.sqlite")


LEDGERS: list[Callable[[], AbstractAsyncContextManager[Open]]] = [
    sqlite,
]


@pytest.fixture(params=LEDGERS, ids=lambda ledger: ledger.__name__)
def new_store(request: pytest.FixtureRequest) -> Callable[[], AbstractAsyncContextManager[Open]]:
    """Makes an empty store of one implementation, as often as called."""
    make: Callable[[], AbstractAsyncContextManager[Open]] = request.param
    return make


@pytest.fixture
async def open_ledger(
    new_store: Callable[[], AbstractAsyncContextManager[Open]],
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
