"""Counts that an earlier Sluice has written too are estimates, also during a rolling upgrade."""

from __future__ import annotations

from services.ledger.interface import Transaction
from services.ledger.redis.keys import PartitionKeys
from services.ledger.redis.ledger import RedisLedger
from tests.redis_server import RedisServer


async def test_hashes_of_an_earlier_sluice_are_counted(
    server: RedisServer, ledger: RedisLedger
) -> None:
    """Both versions write to the same count: it is no longer exact, and nothing is lost."""
    older, registers, hashes = (key.decode() for key in PartitionKeys(b"p").distinct([b"ids"]))
    await ledger.commit(Transaction("p", distinct={"ids": [1, 2]}))
    assert 2 == await ledger.count_exactly("p", ["ids"])

    server.cli("PFADD", older, "a", "b", "c")
    assert await ledger.count_exactly("p", ["ids"]) is None
    assert 5 == await ledger.count_distinct("p", ["ids"])

    await ledger.commit(Transaction("p", distinct={"ids": [3]}))
    assert await ledger.count_exactly("p", ["ids"]) is None
    assert 6 == await ledger.count_distinct("p", ["ids"])
    assert ("1", "0") == (server.cli("EXISTS", registers), server.cli("EXISTS", hashes))
