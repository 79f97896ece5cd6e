"""The file of the embedded ledger: its lock, its schema and its connections."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from services.ledger.interface import Transaction
from services.ledger.sqlite import file as sqlite_file
from services.ledger.sqlite.ledger import SqliteLedger
from sluice import errors


async def use_and_close(ledger: SqliteLedger) -> None:
    """Commit, read and close."""
    await ledger.commit(Transaction("p", puts={"a": b""}))
    assert ["a"] == list(await ledger.get("p", ["a"]))
    await ledger.close()


def test_one_instance_at_a_time(path: Path) -> None:
    """A second one on the same file is rejected, under any of its names, until the first closes."""
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

    with pytest.raises(errors.FailedPrecondition, match=r"schema version 7.* supports 2"):
        SqliteLedger(path)
    assert before == path.read_bytes()


def test_an_older_schema_is_upgraded(path: Path) -> None:
    """The ledger of an earlier Sluice keeps its content; its distinct counts stay estimates."""
    asyncio.run(commit(SqliteLedger(path), Transaction("p", distinct={"ids": [1, 2]})))
    older = sqlite3.connect(path)
    older.executescript("DROP TABLE exact_counts; DROP TABLE exact_hashes; PRAGMA user_version = 1")
    older.close()

    asyncio.run(commit(SqliteLedger(path), Transaction("p", distinct={"ids": [3], "new": [1]})))
    assert (3, None, 1) == asyncio.run(count(SqliteLedger(path)))


async def commit(ledger: SqliteLedger, transaction: Transaction) -> None:
    """Commit a transaction, and close the ledger."""
    await ledger.commit(transaction)
    await ledger.close()


async def count(ledger: SqliteLedger) -> tuple[int, int | None, int | None]:
    """The estimate and the exact number of `ids`, and the exact number of `new`; then close."""
    counts = (
        await ledger.count_distinct("p", ["ids"]),
        await ledger.count_exactly("p", ["ids"]),
        await ledger.count_exactly("p", ["new"]),
    )
    await ledger.close()
    return counts


def test_another_file_is_rejected_and_unlocked(path: Path) -> None:
    """A file that SQLite cannot read is named; once it is gone, the path can be used."""
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(errors.FailedPrecondition, match=r"ledger\.sqlite: cannot be opened"):
        SqliteLedger(path)
    path.unlink()

    asyncio.run(use_and_close(SqliteLedger(path)))
