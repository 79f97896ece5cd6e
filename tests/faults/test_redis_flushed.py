"""A commit to Redis waits for the disk: where flushing fails, nothing is acknowledged."""

from __future__ import annotations

import pytest

from services.ledger.interface import Transaction
from services.ledger.redis import checks
from services.ledger.redis.ledger import RedisLedger
from sluice import errors
from tests.faults.system_calls import FLUSHES, attached
from tests.redis_server import running

SYNCS = ",".join(FLUSHES)
FAILING = (f"trace={SYNCS}", f"inject={SYNCS}:error=EIO")
"""For strace: every flush of the process fails, as on a broken disk."""


async def test_nothing_is_acknowledged_that_is_not_flushed() -> None:
    """While the file cannot be flushed, a commit ends in Unavailable."""
    with running() as server:
        server.rewrite()
        ledger = await RedisLedger.open(server.url(), patience_s=0.2)
        await ledger.commit(Transaction("p", puts={"a": b""}))
        with attached(server.process.pid, expressions=FAILING), pytest.raises(errors.Unavailable):
            await ledger.commit(Transaction("p", puts={"b": b""}))
        await ledger.close()


async def test_this_would_show_a_file_that_is_not_flushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `appendfsync no`, if it were not refused, the same commit is acknowledged."""
    monkeypatch.setitem(checks.SETTINGS, "appendfsync", "no")
    with running(appendfsync="no") as server:
        server.rewrite()
        ledger = await RedisLedger.open(server.url(), patience_s=0.2)
        await ledger.commit(Transaction("p", puts={"a": b""}))
        with attached(server.process.pid, expressions=FAILING):
            await ledger.commit(Transaction("p", puts={"b": b""}))
        assert ["a", "b"] == list(await ledger.get("p", ["a", "b"]))
        await ledger.close()
