"""The scene of the doctor's tests, on embedded and on cluster stores."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from services.ledger.interface import Ledger
from services.ledger.redis.ledger import RedisLedger
from services.ledger.sqlite.ledger import SqliteLedger
from services.vectors.edge.vectors import EdgeVectors
from services.vectors.interface import Vectors
from services.vectors.qdrant.vectors import QdrantVectors
from tests.qdrant_server.server import QdrantServer
from tests.redis_server import RedisServer, running
from tests.unit.curation.doctor.scene import Scene, open_scene

_databases = count()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The server whose databases the tests use, one after the other; it is started on demand."""
    with running() as server:
        yield server


@asynccontextmanager
async def embedded(
    path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Ledger, Vectors]]:
    """Stores in a folder."""
    ledger = await SqliteLedger.open(path / "ledger.sqlite")
    yield ledger, await EdgeVectors.open(path / "vectors")


@asynccontextmanager
async def cluster(
    path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Ledger, Vectors]]:
    """Stores on servers."""
    redis: RedisServer = request.getfixturevalue("redis_server")
    qdrant = await QdrantServer(path / "qdrant").start()
    ledger = await RedisLedger.open(redis.url(next(_databases)))
    yield ledger, await QdrantVectors.open(qdrant.url)
    await qdrant.stop()


@pytest.fixture(params=[embedded, cluster], ids=lambda form: form.__name__)
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    """A project with curation records of every kind."""
    async with (
        request.param(tmp_path, request) as (ledger, vectors),
        open_scene(ledger, vectors, tmp_path) as opened_scene,
    ):
        yield opened_scene
