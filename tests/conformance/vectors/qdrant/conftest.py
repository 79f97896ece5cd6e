"""A stand-in for a Qdrant server, and a store on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.vectors.qdrant.vectors import QdrantVectors
from tests.conformance.vectors.points import FRAMES
from tests.conformance.vectors.qdrant_stores import (
    POINTS,
    stand_in,
    store_on,
)
from tests.qdrant_server.server import QdrantServer


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[QdrantServer]:
    """A stand-in for a Qdrant server."""
    async with stand_in(tmp_path) as started:
        yield started


@pytest.fixture
async def store(server: QdrantServer) -> AsyncIterator[QdrantVectors]:
    """An impatient store on the server, with five points."""
    async with store_on(server.url) as opened:
        await opened.write(FRAMES, "t", POINTS)
        server.calls.clear()
        yield opened
