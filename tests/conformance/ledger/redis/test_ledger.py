"""Opening a ledger on a Redis server that is not there, or not yet."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.ledger.redis.ledger import RedisLedger
from sluice import errors
from tests.redis_server import running


async def test_another_kind_of_address_is_rejected() -> None:
    """Only URLs of Redis are accepted."""
    with pytest.raises(ValueError, match="redis://"):
        await RedisLedger.open("postgres://host/name")


async def test_a_missing_server_is_unavailable(tmp_path: Path) -> None:
    """Services may start before their server: `open` retries, but not beyond its deadline."""
    with pytest.raises(errors.Unavailable, match=r"redis\.sock"):
        await RedisLedger.open(f"unix://{tmp_path}/redis.sock", patience_s=0.2)


async def test_a_server_that_starts_later_is_waited_for() -> None:
    """`open` succeeds when the server starts before the deadline."""
    with running() as server:
        server.kill()
        opening = asyncio.create_task(RedisLedger.open(server.url(), patience_s=60))
        await asyncio.sleep(0)
        await asyncio.to_thread(server.start)

        await (await opening).close()
