"""Stand-ins for a Qdrant server, and stores on them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from services.vectors.qdrant.server import RetryPolicy
from services.vectors.qdrant.vectors import QdrantVectors
from tests.qdrant_server.server import VERSION, QdrantServer

ATTEMPTS = 3
QUICK = RetryPolicy(timeout_s=30, attempts=ATTEMPTS, backoff_s=0.001)


@asynccontextmanager
async def stand_in(folder: Path, *, version: str = VERSION) -> AsyncIterator[QdrantServer]:
    """A stand-in that has started."""
    server = await QdrantServer(folder, version=version).start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def store_on(url: str, **options: Any) -> AsyncIterator[QdrantVectors]:
    """An impatient store, closed in the end."""
    store = await QdrantVectors.open(url, **{"retry_policy": QUICK, **options})
    try:
        yield store
    finally:
        await store.close()
