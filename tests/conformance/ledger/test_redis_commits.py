"""What the Redis ledger does beyond the conformance suite: exactness, bounds, refusals of Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import product

import pytest
from redis.crc import key_slot
from typing_extensions import override

from services.ledger.encoding import EncodedTransaction
from services.ledger.interface import ABSENT, Add, Conflict, Transaction
from services.ledger.redis import writer
from services.ledger.redis.keys import PartitionKeys
from services.ledger.redis.ledger import RedisLedger
from services.ledger.redis.request import Command, CommitRequest
from services.ledger.redis.server import RedisServer as Connections
from services.ledger.redis.server import Reply
from services.ledger.redis.writer import RedisWriter
from sluice import errors
from tests.redis_server import RedisServer, running

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

# Around what a double, and what ten digits, can hold.
NUMBERS = [
    *[INT64_MIN, INT64_MIN + 1, -(2**53) - 1, -(10**10), -1, 0, 1, 9_999_999_999, 10**10],
    *[2**53 - 1, 2**53, 2**53 + 1, 10**18 + 1, INT64_MAX - 1, INT64_MAX],
]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server of the test's own, that no ledger has to wait for."""
    with running() as started:
        started.rewrite()
        yield started


@pytest.fixture
async def ledger(server: RedisServer) -> AsyncIterator[RedisLedger]:
    """The ledger under test."""
    opened = await RedisLedger.open(server.url())
    yield opened
    await opened.close()


async def applies(ledger: RedisLedger, transaction: Transaction) -> bool:
    """Whether the transaction was applied, rather than refused by a Conflict."""
    try:
        await ledger.commit(transaction)
    except Conflict:
        return False
    return True


async def test_sums_and_ceilings_are_exact_everywhere(ledger: RedisLedger) -> None:
    """Whatever a counter, what is added and its ceiling: Redis decides and adds as integers do."""
    cases = list(product(NUMBERS, NUMBERS, [*NUMBERS, None]))
    names = [f"n{i}" for i in range(len(cases))]
    values = {name: Add(value) for name, (value, _, _) in zip(names, cases, strict=True)}
    await ledger.commit(Transaction("p", adds=values))
    applied = await asyncio.gather(
        *[
            applies(ledger, Transaction("p", adds={name: Add(delta, ceiling)}))
            for name, (_, delta, ceiling) in zip(names, cases, strict=True)
        ]
    )

    fits = [
        INT64_MIN <= value + delta <= INT64_MAX
        and (delta <= 0 or ceiling is None or value + delta <= ceiling)
        for value, delta, ceiling in cases
    ]
    assert fits == applied
    sums = [value + delta * fit for fit, (value, delta, _) in zip(fits, cases, strict=True)]
    assert dict(zip(names, sums, strict=True)) == await ledger.counters("p", names)


@pytest.mark.parametrize(
    "partition", ["p", "{", "}", "{}", "a}b{c", "%7D", "\0", "é\U0010ffff", "}{"]
)
async def test_a_partition_lies_in_one_slot(
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
    # What was just written, the ring, and the schema version.
    assert str(len(names) + 1 + 1) == server.cli("DBSIZE")


def test_no_two_partitions_have_one_key() -> None:
    """What stands for `}` stands for nothing else."""
    names = [b"}", b"%7D", b"%257D", b"%", b"%25", b"p}", b"p%7D"]

    assert len(names) == len({PartitionKeys(name).entries for name in names})


async def test_the_largest_batch_fits(ledger: RedisLedger) -> None:
    """16,384 matches with a row, a document and an entry of the outbox each are one commit."""
    keys = [f"{kind}/{i}" for kind in ["row", "document", "outbox"] for i in range(16_384)]
    checks = dict.fromkeys(keys[:16_384], ABSENT)
    hashes = {f"ids{i}": range(4_096) for i in range(8)}
    await ledger.commit(Transaction("p", checks, dict.fromkeys(keys, b"x" * 160), distinct=hashes))

    found = [entry.key for entry in await ledger.scan("p", "", limit=len(keys) + 1)]
    assert sorted(keys) == found
    await ledger.commit(Transaction("p", deletes=keys))
    assert [] == await ledger.scan("p", "", limit=1)


async def test_a_writer_is_remembered_within_bounds(
    server: RedisServer, ledger: RedisLedger
) -> None:
    """Of its commits, 128 outcomes are kept, and those for a day."""
    for _ in range(300):
        await ledger.commit(Transaction("p", adds={"n": Add(1)}))

    ring = server.cli("KEYS", "sluice:{p}:w:*")
    assert "128" == server.cli("HLEN", ring)
    assert 12 * 3600 < int(server.cli("TTL", ring)) <= 24 * 3600


async def test_a_writer_that_goes_on_is_not_forgotten(
    server: RedisServer, ledger: RedisLedger
) -> None:
    """Before half of the day is over, it starts anew."""
    await ledger.commit(Transaction("p", adds={"n": Add(1)}))
    ring = server.cli("KEYS", "sluice:{p}:w:*")
    server.cli("EXPIRE", ring, "40000")
    await ledger.commit(Transaction("p", adds={"n": Add(1)}))

    assert 12 * 3600 < int(server.cli("TTL", ring)) <= 24 * 3600


async def test_a_server_that_forgot_its_scripts_is_taught_them(
    server: RedisServer, ledger: RedisLedger
) -> None:
    """Neither a commit nor a scan notices `SCRIPT FLUSH`."""
    await ledger.commit(Transaction("p", puts={"a": b"1"}))
    server.cli("SCRIPT", "FLUSH")
    await ledger.commit(Transaction("p", puts={"b": b"1"}, adds={"n": Add(1)}))
    server.cli("SCRIPT", "FLUSH")

    assert ["a", "b"] == [entry.key for entry in await ledger.scan("p", "", limit=9)]
    assert {"n": 1} == await ledger.counters("p", ["n"])


async def test_without_memory_commits_are_refused_and_reads_go_on(
    server: RedisServer, ledger: RedisLedger
) -> None:
    """ResourceExhausted, with nothing applied; a ledger that opens now reads too."""
    await ledger.commit(Transaction("p", puts={"a": b"1"}))
    server.cli("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(errors.ResourceExhausted, match="memory is exhausted"):
        await ledger.commit(Transaction("p", puts={"b": b"1"}, adds={"n": Add(1)}))
    late = await RedisLedger.open(server.url())
    assert ["a"] == [entry.key for entry in await late.scan("p", "", limit=9)]
    await late.close()

    server.cli("CONFIG", "SET", "maxmemory", "0")
    await ledger.commit(Transaction("p", puts={"b": b"1"}, adds={"n": Add(1)}))
    assert {"n": 1} == await ledger.counters("p", ["n"])


@pytest.mark.parametrize(
    ("refuse", "allow", "problem"),
    [
        (["CONFIG", "SET", "min-replicas-to-write", "1"],
         ["CONFIG", "SET", "min-replicas-to-write", "0"], "NOREPLICAS"),
        (["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"], "READONLY"),
    ],
)  # fmt: skip
async def test_a_server_that_refuses_writes_is_unavailable(
    server: RedisServer, ledger: RedisLedger, refuse: list[str], allow: list[str], problem: str
) -> None:
    """Callers learn at once, with Redis's reason, that nothing was applied; later it works."""
    await ledger.commit(Transaction("p", puts={"a": b"1"}))
    server.cli(*refuse)
    with pytest.raises(errors.Unavailable, match=problem):
        await ledger.commit(Transaction("p", puts={"b": b"1"}))

    server.cli(*allow)
    await ledger.commit(Transaction("p", {"b": ABSENT}, {"b": b"1"}))


async def test_a_busy_server_is_waited_for(server: RedisServer, ledger: RedisLedger) -> None:
    """While somebody's script blocks Redis, commits and reads wait; then they are done."""
    await ledger.commit(Transaction("p", puts={"a": b"1"}))
    server.cli("CONFIG", "SET", "busy-reply-threshold", "1")
    script = asyncio.create_task(
        asyncio.to_thread(server.cli, "EVAL", "while true do end", "0"),
    )
    while "BUSY" not in await asyncio.to_thread(server.cli, "PING"):
        pass
    hasty = asyncio.create_task(RedisLedger.open(server.url(), patience_s=0))
    commit = asyncio.create_task(ledger.commit(Transaction("p", puts={"b": b"1"})))
    with pytest.raises(errors.Unavailable):
        await hasty
    assert not commit.done()
    server.cli("SCRIPT", "KILL")
    await script

    await commit
    assert ["a", "b"] == list(await ledger.get("p", ["a", "b"]))


class Recorded(Connections):
    """Connections that note how many commands they sent at a time."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__(server.url(), connections_max=1, connect_timeout_s=9, reply_timeout_s=9)
        self.sent: list[int] = []

    @override
    async def exchange(self, commands: Sequence[Command]) -> list[Reply]:
        """Note and send."""
        self.sent.append(len(commands))
        return await super().exchange(commands)


async def sizes_of_groups(server: RedisServer, commits: int) -> list[int]:
    """How many of so many commits, each of 100 bytes, were sent together while one was sent."""
    connections = Recorded(server)
    writer = RedisWriter(connections, patience_s=30)
    requests = [
        CommitRequest.of(EncodedTransaction.of(Transaction("p", puts={f"{i:03}": b"x" * 97})))
        for i in range(commits)
    ]
    first = writer.submit(requests[0])
    await asyncio.sleep(0)
    await asyncio.gather(first, *[writer.submit(request) for request in requests[1:]])
    await writer.close()
    await connections.close()
    return connections.sent


async def test_waiting_commits_are_sent_together(server: RedisServer) -> None:
    """What arrives while one is sent shares the next flush, up to 128 of them."""
    assert [1, 128, 72] == await sizes_of_groups(server, 201)


async def test_a_group_is_bounded_in_bytes(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than so many bytes are sent at once, but for the last of a group."""
    monkeypatch.setattr(writer, "GROUP_BYTES_MAX", 1_000)

    assert [1, 10, 10, 5] == await sizes_of_groups(server, 26)


async def test_connections_are_bounded(server: RedisServer) -> None:
    """However many ask at once, no more connections than agreed are made."""
    ledger = await RedisLedger.open(server.url(), connections_max=3)
    await asyncio.gather(
        *[ledger.get("p", ["a"]) for _ in range(50)],
        *[ledger.commit(Transaction("p", adds={"n": Add(1)})) for _ in range(50)],
    )

    # redis-cli is a client of its own.
    assert 3 + 1 == len(server.cli("CLIENT", "LIST").splitlines())
    await ledger.close()
    assert 1 == len(server.cli("CLIENT", "LIST").splitlines())


async def test_a_bug_ends_its_group_and_no_other(
    ledger: RedisLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unexpected error reaches the caller; the writer goes on."""

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr(CommitRequest, "command", broken)
        with pytest.raises(RuntimeError, match="a bug"):
            await ledger.commit(Transaction("p", puts={"a": b"1"}))

    await ledger.commit(Transaction("p", puts={"b": b"1"}))
    assert ["b"] == [entry.key for entry in await ledger.scan("p", "", limit=9)]
