"""Group commits of the embedded ledger, and disks that reject one."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from threading import Event

import pytest

from services.ledger import hyperloglog
from services.ledger.interface import ABSENT, Add, Transaction
from services.ledger.sqlite import file as sqlite_file
from services.ledger.sqlite import writer as sqlite_writer
from services.ledger.sqlite.ledger import SqliteLedger
from sluice import errors


class Writer:
    """The ledger's writing connection, and a gate that can stop it before a statement."""

    def __init__(self) -> None:
        self.connection: sqlite3.Connection
        self.statements: list[str] = []
        self._stop_before: str | None = None
        self._stopped, self._released = Event(), Event()

    def trace(self, statement: str) -> None:
        """Called by SQLite, in the writer's thread, before each statement."""
        self.statements.append(statement)
        if statement == self._stop_before:
            self._stop_before = None
            self._stopped.set()
            assert self._released.wait(timeout=60)

    @asynccontextmanager
    async def stopped_before(self, statement: str, call: asyncio.Task[None]) -> AsyncIterator[None]:
        """`call` has brought the writer to `statement`; it goes on when the block ends."""
        self._stop_before = statement
        await asyncio.sleep(0)
        assert await asyncio.to_thread(self._stopped.wait, 60)
        try:
            yield
        finally:
            self._released.set()
            await asyncio.wait([call])


@pytest.fixture
def writer(monkeypatch: pytest.MonkeyPatch) -> Writer:
    """The writing connection of the ledger opened next."""
    gate, connect = Writer(), sqlite_file.connect_writer

    def traced(path: Path) -> sqlite3.Connection:
        gate.connection = connect(path)
        gate.connection.set_trace_callback(gate.trace)
        return gate.connection

    monkeypatch.setattr(sqlite_file, "connect_writer", traced)
    return gate


@pytest.fixture
async def ledger(writer: Writer, path: Path) -> AsyncIterator[SqliteLedger]:
    """A ledger whose writer the test can watch."""
    opened = await SqliteLedger.open(path)
    yield opened
    await opened.close()


def start(ledger: SqliteLedger, *transactions: Transaction) -> list[asyncio.Task[None]]:
    """Begin a commit of each, in this order."""
    return [asyncio.create_task(ledger.commit(transaction)) for transaction in transactions]


async def outcomes(tasks: list[asyncio.Task[None]]) -> list[str]:
    """The name of the error that each commit ended with, or "None"."""
    results = await asyncio.gather(*tasks, return_exceptions=True)
    return ["None" if result is None else type(result).__name__ for result in results]


async def test_waiting_commits_share_one(ledger: SqliteLedger, writer: Writer) -> None:
    """What arrives while the disk is busy becomes durable with a single COMMIT."""
    [first] = start(ledger, Transaction("p", puts={"first": b""}))
    async with writer.stopped_before("COMMIT", first):
        rest = start(ledger, *[Transaction("p", puts={f"k{i}": b""}) for i in range(63)])
        await asyncio.sleep(0)
    assert ["None"] * 63 == await outcomes(rest)

    assert 2 == writer.statements.count("COMMIT")
    assert 64 == len(await ledger.scan("p", "", limit=100))


@pytest.mark.parametrize(
    ("bound", "value"), [("GROUP_COMMITS_MAX", 10), ("GROUP_BYTES_MAX", 1_000)]
)
async def test_a_group_is_bounded(
    ledger: SqliteLedger,
    writer: Writer,
    monkeypatch: pytest.MonkeyPatch,
    bound: str,
    value: int,
) -> None:
    """No more than so many commits, or bytes, share one: here ten each."""
    monkeypatch.setattr(sqlite_writer, bound, value)
    [first] = start(ledger, Transaction("p", puts={"first": b""}))
    async with writer.stopped_before("COMMIT", first):
        rest = start(ledger, *[Transaction("p", puts={f"{i:02}": b"x" * 98}) for i in range(25)])
        await asyncio.sleep(0)
    await outcomes(rest)

    assert 1 + 3 == writer.statements.count("COMMIT")


async def test_later_ones_of_a_group_see_earlier_ones(ledger: SqliteLedger, writer: Writer) -> None:
    """Checks and ceilings hold within a group as they would one by one; a refusal leaves none."""
    [first] = start(ledger, Transaction("p", puts={"first": b""}))
    async with writer.stopped_before("COMMIT", first):
        rest = start(
            ledger,
            Transaction("p", {"a": ABSENT}, {"a": b"1"}, adds={"n": Add(2, ceiling=3)}),
            Transaction("p", {"a": ABSENT}, {"a": b"2"}),
            Transaction("p", puts={"b": b"3"}, adds={"n": Add(2, ceiling=3)}),
            Transaction("p", deletes=["a"], adds={"n": Add(1, ceiling=3)}),
            Transaction("p", {"a": ABSENT}, {"a": b"5"}),
        )
        await asyncio.sleep(0)
    assert ["None", "Conflict", "Conflict", "None", "None"] == await outcomes(rest)

    assert 2 == writer.statements.count("COMMIT")
    entries = await ledger.get("p", ["a", "b"])
    assert {"a": b"5"} == {key: entry.value for key, entry in entries.items()}
    assert {"n": 3} == await ledger.counters("p", ["n"])


async def test_nothing_is_acknowledged_before_its_commit(
    ledger: SqliteLedger, writer: Writer
) -> None:
    """Until COMMIT returned, a commit waits; reads do not, and see what was before."""
    await ledger.commit(Transaction("p", puts={"a": b"old"}))
    [commit] = start(ledger, Transaction("p", puts={"a": b"new"}, adds={"n": Add(1)}))
    async with writer.stopped_before("COMMIT", commit):
        assert b"old" == (await ledger.get("p", ["a"]))["a"].value
        assert {"n": 0} == await ledger.counters("p", ["n"])
        assert not commit.done()

    assert b"new" == (await ledger.get("p", ["a"]))["a"].value


async def test_a_full_disk_refuses_the_group_and_no_more(
    ledger: SqliteLedger, writer: Writer, path: Path
) -> None:
    """Nobody of the group is acknowledged, nothing stays; with room again, commits work."""
    await ledger.commit(Transaction("p", puts={"kept": b"1"}))
    [pages] = writer.connection.execute("PRAGMA page_count").fetchone()
    writer.connection.execute(f"PRAGMA max_page_count = {pages + 2}").fetchall()
    [first] = start(ledger, Transaction("p"))
    async with writer.stopped_before("COMMIT", first):
        rest = start(
            ledger,
            Transaction("p", puts={"small": b"1"}),
            Transaction("p", {"small": ABSENT}),
            Transaction("p", puts={"large": b"x" * 10**6}),
        )
        await asyncio.sleep(0)
    assert ["Unavailable"] * 3 == await outcomes(rest)

    await ledger.commit(Transaction("p", puts={"still": b"fits"}))
    writer.connection.execute("PRAGMA max_page_count = 1000000").fetchall()
    await ledger.commit(Transaction("p", puts={"large": b"x" * 10**6}))
    await ledger.close()
    reopened = await SqliteLedger.open(path)
    assert ["kept", "large", "still"] == [e.key for e in await reopened.scan("p", "", limit=9)]
    await reopened.close()


async def test_an_unexpected_error_is_one_caller_s_own(
    ledger: SqliteLedger, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug met half way through a transaction undoes that one and leaves its group alone."""

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(hyperloglog, "insert", broken)
    [first] = start(ledger, Transaction("p"))
    async with writer.stopped_before("COMMIT", first):
        rest = start(
            ledger,
            Transaction("p", puts={"a": b"1"}),
            Transaction("p", puts={"b": b"1"}, adds={"n": Add(1)}, distinct={"ids": [1]}),
            Transaction("p", puts={"c": b"1"}),
        )
        await asyncio.sleep(0)
    assert ["None", "RuntimeError", "None"] == await outcomes(rest)

    assert ["a", "c"] == [entry.key for entry in await ledger.scan("p", "", limit=9)]
    assert {"n": 0} == await ledger.counters("p", ["n"])


async def test_an_error_that_sqlite_leaves_open_is_rolled_back(
    ledger: SqliteLedger, writer: Writer
) -> None:
    """An error of a single statement undoes what its group did before, and ends there."""
    writer.connection.execute("ALTER TABLE distinct_counts RENAME TO elsewhere")
    with pytest.raises(errors.Unavailable, match="distinct_counts"):
        await ledger.commit(Transaction("p", puts={"a": b"1"}, distinct={"ids": [1]}))

    await ledger.commit(Transaction("p", puts={"b": b"1"}))
    assert ["b"] == [entry.key for entry in await ledger.scan("p", "", limit=9)]


@contextmanager
def no_file_grows_beyond(size_bytes: int) -> Iterator[None]:
    """Every write past that size fails, for this whole process (Python ignores SIGXFSZ)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_commit_that_cannot_be_written_is_not_acknowledged(
    ledger: SqliteLedger, writer: Writer, path: Path
) -> None:
    """When COMMIT itself fails, callers learn of it and may retry; afterwards all is well."""
    await ledger.commit(Transaction("p", puts={"kept": b"1"}))
    writer.statements.clear()
    wal_bytes = path.with_name(path.name + "-wal").stat().st_size
    with no_file_grows_beyond(wal_bytes + 4096):
        with pytest.raises(errors.Unavailable) as unavailable:
            await ledger.commit(Transaction("p", puts={"lost": b"x" * 10**5}, adds={"n": Add(1)}))
        assert ["kept"] == [entry.key for entry in await ledger.scan("p", "", limit=9)]
    assert "COMMIT" in writer.statements
    assert unavailable.value.retry_after_s is not None

    await ledger.commit(Transaction("p", {"lost": ABSENT}, {"lost": b"found"}, adds={"n": Add(1)}))
    await ledger.close()
    reopened = await SqliteLedger.open(path)
    assert ["kept", "lost"] == [entry.key for entry in await reopened.scan("p", "", limit=9)]
    assert {"n": 1} == await reopened.counters("p", ["n"])
    await reopened.close()


async def test_a_failed_read_is_unavailable(ledger: SqliteLedger, writer: Writer) -> None:
    """What SQLite cannot read ends in an error of ours, and other reads go on."""
    writer.connection.execute("DROP TABLE entries")

    with pytest.raises(errors.Unavailable, match="entries"):
        await ledger.get("p", ["a"])
    assert {"n": 0} == await ledger.counters("p", ["n"])
