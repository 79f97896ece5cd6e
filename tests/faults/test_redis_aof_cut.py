"""A commit whose write to the append-only file was cut short is gone whole after a restart."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, rmtree

import numpy as np
import pytest

from services.ledger.interface import ABSENT, Add, Transaction
from services.ledger.redis.ledger import RedisLedger
from tests.redis_server import RedisServer, running

BATCH_CUTS = 100
RESTART_CUTS = 20
ROWS = 4_096

SMALL = Transaction(
    "p",
    checks={"a": 1, "b": ABSENT},
    puts={"a": b"2", "b": b"1"},
    deletes=["c"],
    adds={"n": Add(1), "large": Add(2**62)},
    distinct={"ids": [2, 3]},
)
LATER = Transaction("p", puts={"d": b"1"}, adds={"n": Add(1)})
BATCH = Transaction(
    "p",
    checks={f"row/{i}": ABSENT for i in range(ROWS)},
    puts={f"row/{i}": b"x" * 100 for i in range(ROWS)},
    adds={f"bin/{i}": Add(i) for i in range(64)},
    distinct={"ids": range(ROWS)},
)


@dataclass(frozen=True, slots=True)
class FileTail:
    """An append-only file that ends with one transaction."""

    server: RedisServer
    copy: Path
    """The server's files as they were."""

    content: bytes
    """That file, whole."""

    start: int
    """Where the last transaction begins."""

    before: str
    after: str
    """Digests of all that Redis held before that transaction, and after it."""

    def restart(self, size_bytes: int) -> str:
        """Start the server on the first bytes of the file; what it then holds, as a digest."""
        self.server.kill()
        folder = self.server.append_only_file.parent
        rmtree(folder)
        copytree(self.copy, folder)
        self.server.append_only_file.write_bytes(self.content[:size_bytes])
        self.server.start()
        return digest(self.server)

    def expected(self, size_bytes: int) -> str:
        """What it must hold then."""
        return self.after if size_bytes == len(self.content) else self.before


def digest(server: RedisServer) -> str:
    """A number that stands for every key and value in the server."""
    return server.cli("DEBUG", "DIGEST")


async def commit(server: RedisServer, *transactions: Transaction) -> tuple[int, str]:
    """Commit to the server; how long its file was before the last one, and the digest then."""
    ledger = await RedisLedger.open(server.url())
    await ledger.commit(Transaction("other", puts={"connected": b""}))
    for transaction in transactions:
        size_bytes, held = server.append_only_file.stat().st_size, digest(server)
        await ledger.commit(transaction)
    await ledger.close()
    return size_bytes, held


def tail_of(server: RedisServer, transaction: Transaction) -> FileTail:
    """Commit something small, then the transaction."""
    base = Transaction("p", puts={"a": b"1", "c": b"1"}, adds={"n": Add(1), "large": Add(2**61)})
    start, before = asyncio.run(commit(server, base, transaction))
    copy = server.folder / "copy"
    copytree(server.append_only_file.parent, copy)
    content = server.append_only_file.read_bytes()
    return FileTail(server, copy, content, start, before, digest(server))


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server that starts on a file that was cut, and can tell what it holds."""
    with running(aof_load_truncated="yes", enable_debug_command="local") as started:
        yield started


def test_one_transaction_is_cut_at_every_byte(server: RedisServer) -> None:
    """Wherever its last transaction is cut, the server holds what it held before it."""
    tail = tail_of(server, SMALL)
    cuts = range(tail.start, len(tail.content) + 1)

    assert [] == [cut for cut in cuts if tail.expected(cut) != tail.restart(cut)]
    assert tail.before != tail.after


def test_a_full_batch_is_cut_anywhere(server: RedisServer) -> None:
    """At a hundred places, nothing of it is there; a failure prints the seed of the places."""
    seed = secrets.randbits(32)
    tail = tail_of(server, BATCH)
    places = range(tail.start, len(tail.content))
    cuts = np.random.default_rng(seed).choice(places, BATCH_CUTS, replace=False).tolist()

    wrong = [cut for cut in cuts if tail.before != tail.restart(cut)]
    assert [] == wrong, f"seed {seed}"
    assert tail.after == tail.restart(len(tail.content))


def test_commits_after_a_cut_survive_the_next_restart(server: RedisServer) -> None:
    """Nothing is appended to the rest of a cut transaction, which would then come back by half.

    Redis keeps such a rest in the file, up to the last whole command: its MULTI is still open, and
    the EXEC of the next commit would apply it on the next start.
    """
    tail = tail_of(server, SMALL)
    places = np.linspace(tail.start + 1, len(tail.content) - 1, RESTART_CUTS, dtype=int).tolist()

    wrong = []
    for cut in places:
        tail.restart(cut)
        asyncio.run(commit(server, LATER))
        held = digest(server)
        server.kill()
        server.start()
        if held != digest(server):
            wrong.append(cut)
    assert [] == wrong


def test_a_server_may_refuse_a_cut_file_instead(server: RedisServer) -> None:
    """With `aof-load-truncated no` it does not start, and says how to repair the file."""
    tail = tail_of(server, SMALL)
    server.settings["aof-load-truncated"] = "no"

    with pytest.raises(AssertionError, match="redis-check-aof --fix"):
        tail.restart(len(tail.content) - 1)
