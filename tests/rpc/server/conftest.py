"""A Redis server that service processes of these tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.redis_server import RedisServer, running


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A Redis server with the settings that the ledger requires."""
    with running() as server:
        yield server
