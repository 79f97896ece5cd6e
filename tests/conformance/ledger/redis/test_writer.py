"""Group commits of the Redis ledger: their limits, and the outcomes that Redis remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from typing_extensions import override

from services.ledger.encoding import EncodedTransaction
from services.ledger.interface import Add, Transaction
from services.ledger.redis import writer
from services.ledger.redis.ledger import RedisLedger
from services.ledger.redis.request import Command, CommitRequest
from services.ledger.redis.server import RedisServer as Connections
from services.ledger.redis.server import Reply
from services.ledger.redis.writer import RedisWriter
from tests.redis_server import RedisServer


async def test_a_writer_is_remembered_within_bounds(
    server: RedisServer, ledger: RedisLedger
) -> None:
    """Redis keeps the outcomes of a writer's last 128 commits, for a day."""
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


class RecordingServer(Connections):
    """Connections that note how many commands they sent at a time."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__(server.url(), connections_max=1, connect_timeout_s=9, reply_timeout_s=9)
        self.sent: list[int] = []

    @override
    async def exchange(self, commands: Sequence[Command]) -> list[Reply]:
        """Note and send."""
        self.sent.append(len(commands))
        return await super().exchange(commands)


async def send_groups(server: RedisServer, commits: int) -> list[int]:
    """How many of so many commits, each of 100 bytes, were sent together while one was sent."""
    connections = RecordingServer(server)
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
    assert [1, 128, 72] == await send_groups(server, 201)


async def test_a_group_is_bounded_in_bytes(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than so many bytes are sent at once, but for the last of a group."""
    monkeypatch.setattr(writer, "GROUP_BYTES_MAX", 1_000)

    assert [1, 10, 10, 5] == await send_groups(server, 26)


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
