"""Redis keys of partitions: one slot each, and never shared."""

from __future__ import annotations

import pytest
from redis.crc import key_slot

from services.ledger.interface import Add, Transaction
from services.ledger.redis.keys import PartitionKeys
from services.ledger.redis.ledger import RedisLedger
from tests.redis_server import RedisServer


@pytest.mark.parametrize(
    "partition", ["p", "{", "}", "{}", "a}b{c", "%7D", "\0", "é\U0010ffff", "}{"]
)
async def test_a_partition_has_one_slot(
    server: RedisServer, ledger: RedisLedger, partition: str
) -> None:
    """Whatever its name, Redis Cluster keeps all keys of a partition on one primary."""
    transaction = Transaction(
        partition,
        puts={"a": b"1", "}": b"2"},
        adds={"a": Add(1)},
        distinct={"a": [1], "{x}": [2], "}": [3]},
    )
    await ledger.commit(transaction)

    keys = PartitionKeys(partition.encode())
    names = [keys.entries, keys.index, keys.counters, *keys.distinct([b"a", b"{x}", b"}"])]
    slot = key_slot(names[0])
    assert {slot} == {key_slot(name) for name in names}
    assert slot == key_slot(keys.ring("writer"))
    assert slot != key_slot(PartitionKeys(b"another").entries)
    # What was just written (an earlier Sluice has the first key of each of the three distinct
    # counts), the ring, and the schema version.
    assert str(len(names) - 3 + 1 + 1) == server.cli("DBSIZE")


def test_no_two_partitions_have_one_key() -> None:
    """Escaping is unambiguous: different partitions have different keys."""
    names = [b"}", b"%7D", b"%257D", b"%", b"%25", b"p}", b"p%7D"]

    assert len(names) == len({PartitionKeys(name).entries for name in names})
