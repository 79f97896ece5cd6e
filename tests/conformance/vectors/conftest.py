"""Every test of this folder that asks for `vectors` runs against each of `STORES`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from services.vectors.edge import EdgeVectors
from services.vectors.interface import Collection, Kind, Space, Vectors
from tests.conformance.vectors.points import NewCollection

Open = Callable[[], Awaitable[Vectors]]
"""Opens one and the same store: again once it was closed."""


@asynccontextmanager
async def edge(path: Path) -> AsyncIterator[Open]:
    """A new embedded store."""
    yield partial(EdgeVectors.open, path)


STORES: list[Callable[[Path], AbstractAsyncContextManager[Open]]] = [
    edge,
]


@pytest.fixture(params=STORES, ids=lambda store: store.__name__)
async def open_vectors(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens the test's store; the test closes what it opened."""
    store: Callable[[Path], AbstractAsyncContextManager[Open]] = request.param
    async with store(tmp_path / "vectors") as open_store:
        yield open_store


@pytest.fixture
async def vectors(open_vectors: Open) -> AsyncIterator[Vectors]:
    """The test's store, opened; a test may close it itself and go on with `open_vectors`."""
    opened = await open_vectors()
    yield opened
    await opened.close()


@pytest.fixture
def new_collection() -> NewCollection:
    """Names a collection of a dimension that nothing was written to yet, as often as called."""
    numbers = count()
    return lambda dimension: Collection(
        Kind.ELEMENTS, Space("p", f"model-{next(numbers)}", dimension)
    )
