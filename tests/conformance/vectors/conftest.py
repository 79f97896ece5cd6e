"""Every test of this folder that asks for `vectors` runs against each of `STORES`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from qdrant_client import AsyncQdrantClient

from services.vectors.edge.vectors import EdgeVectors
from services.vectors.interface import Collection, Kind, Space, Vectors
from services.vectors.qdrant.vectors import QdrantVectors
from tests.conformance.vectors.points import NewCollection
from tests.qdrant_server.server import QdrantServer

QDRANT_URL = "SLUICE_QDRANT_URL"
"""Names the environment variable with the address of a real, empty server to test against too."""

Open = Callable[[], Awaitable[Vectors]]
"""Opens one and the same store: again once it was closed."""


@asynccontextmanager
async def edge(path: Path) -> AsyncIterator[Open]:
    """A new embedded store."""
    yield partial(EdgeVectors.open, path)


@asynccontextmanager
async def server(path: Path) -> AsyncIterator[Open]:
    """A store on a new stand-in for a Qdrant server."""
    stand_in = await QdrantServer(path).start()
    yield partial(QdrantVectors.open, stand_in.url)
    await stand_in.stop()


@asynccontextmanager
async def qdrant(_: Path) -> AsyncIterator[Open]:
    """A store on the Qdrant at SLUICE_QDRANT_URL, which has no collections before or after."""
    url = os.environ[QDRANT_URL]
    parts = urlsplit(url)
    client = AsyncQdrantClient(
        host=parts.hostname,
        grpc_port=parts.port or 6334,
        prefer_grpc=True,
        https=parts.scheme == "https",
        check_compatibility=False,
    )
    found = (await client.get_collections()).collections
    assert [] == found, "the tests would delete what is on this server: give them an empty one"
    yield partial(QdrantVectors.open, url)
    for collection in (await client.get_collections()).collections:
        await client.delete_collection(collection.name)
    await client.close()


STORES: list[Callable[[Path], AbstractAsyncContextManager[Open]]] = [
    edge,
    server,
    *([qdrant] if QDRANT_URL in os.environ else []),
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
