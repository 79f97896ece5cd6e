"""The file of the embedded ledger: whose it is, what it must be, and that it survives a kill."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from services.ledger.interface import Transaction
from services.ledger.sqlite import file as sqlite_file
from services.ledger.sqlite.ledger import SqliteLedger
from sluice import errors

COMMIT_UNTIL_KILLED = Path(__file__).parent / "commit_until_killed.py"
KILLS = 5
COMMITS_PER_KILL = 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the test's ledger lies."""
    return tmp_path / "ledger.sqlite"


async def use_and_close(ledger: SqliteLedger) -> None:
    """Commit, read and close."""
    await ledger.commit(Transaction("p", puts={"a": b""}))
    assert ["a"] == list(await ledger.get("p", ["a"]))
    await ledger.close()


def test_one_instance_at_a_time(path: Path) -> None:
    """A second one on the same file is refused, by any name of the file, until the first closes."""
    ledger = SqliteLedger(path)
    alias = path.with_name("alias")
    alias.symlink_to(path)
    for name in [path, alias]:
        with pytest.raises(errors.FailedPrecondition, match="open elsewhere"):
            SqliteLedger(name)
    asyncio.run(use_and_close(ledger))

    asyncio.run(use_and_close(SqliteLedger(alias)))


def test_commits_are_synced(path: Path) -> None:
    """The writing connection syncs the write-ahead log on every commit."""
    writer = sqlite_file.connect_writer(path)
    [journal] = writer.execute("PRAGMA journal_mode").fetchone()
    [synchronous] = writer.execute("PRAGMA synchronous").fetchone()
    writer.close()

    assert ("wal", 2) == (journal, synchronous)


def test_only_the_writer_runs_checkpoints(path: Path) -> None:
    """The reading connection neither folds the log into the file nor writes at all."""
    writer, reader = sqlite_file.connect_writer(path), sqlite_file.connect_reader(path)
    checkpoint_pages = [
        connection.execute("PRAGMA wal_autocheckpoint").fetchone()[0]
        for connection in [writer, reader]
    ]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM entries")
    reader.close()
    writer.close()

    assert [4_000, 0] == checkpoint_pages


def test_closing_folds_the_log_into_the_file(path: Path) -> None:
    """The writer closes last, as the connection that may run the final checkpoint."""
    asyncio.run(use_and_close(SqliteLedger(path)))

    assert {path, path.with_name(path.name + ".lock")} == set(path.parent.iterdir())


def test_a_newer_schema_is_refused(path: Path) -> None:
    """The file of a later Sluice is left as it is, and the error names both versions."""
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 7")
    newer.close()
    before = path.read_bytes()

    with pytest.raises(errors.FailedPrecondition, match=r"schema version 7.* supports 1"):
        SqliteLedger(path)
    assert before == path.read_bytes()


def test_what_is_no_ledger_is_refused_without_keeping_the_lock(path: Path) -> None:
    """A file that SQLite cannot read is named; once it is gone, the path can be used."""
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(errors.FailedPrecondition, match=r"ledger\.sqlite: cannot be opened"):
        SqliteLedger(path)
    path.unlink()

    asyncio.run(use_and_close(SqliteLedger(path)))


def test_no_acknowledged_commit_is_lost_by_kill_9(path: Path) -> None:
    """Whenever the process is killed, all it acknowledged is there, and nothing is half there."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(COMMIT_UNTIL_KILLED), str(path)]
    acknowledged: set[str] = set()
    for _ in range(KILLS):
        with Popen(command, stdout=PIPE, text=True, env=environment) as child:
            assert child.stdout
            acknowledged |= {child.stdout.readline().strip() for _ in range(COMMITS_PER_KILL)}
            with pytest.raises(errors.FailedPrecondition, match="open elsewhere"):
                SqliteLedger(path)
            child.kill()
            acknowledged |= {line.strip() for line in child.stdout if line.endswith("\n")}
        kept, committed = asyncio.run(what_was_kept(path))
        assert acknowledged <= kept
        assert len(kept) == committed
    assert KILLS * COMMITS_PER_KILL <= len(acknowledged)


async def what_was_kept(path: Path) -> tuple[set[str], int]:
    """The keys in the file, and how many the counter beside them says there are."""
    ledger = await SqliteLedger.open(path)
    entries = await ledger.scan("p", "", limit=10**6)
    counters = await ledger.counters("p", ["committed"])
    await ledger.close()
    return {entry.key for entry in entries}, counters["committed"]
