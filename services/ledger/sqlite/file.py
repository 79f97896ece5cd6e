"""The SQLite file of the ledger: its lock, its schema and the two connections to it."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from services.ledger.sqlite import exact
from sluice import errors

SCHEMA_VERSION: Final = 2

# Names and values are BLOBs: ordered by their bytes, and free to contain NUL.
_SCHEMA = (
    """CREATE TABLE partitions (
        partition BLOB PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE entries (
        partition BLOB, key BLOB, value BLOB NOT NULL, revision INTEGER NOT NULL,
        PRIMARY KEY (partition, key)) WITHOUT ROWID""",
    """CREATE TABLE counters (
        partition BLOB, name BLOB, value INTEGER NOT NULL,
        PRIMARY KEY (partition, name)) WITHOUT ROWID""",
    """CREATE TABLE distinct_counts (
        partition BLOB, name BLOB, registers BLOB NOT NULL,
        PRIMARY KEY (partition, name)) WITHOUT ROWID""",
)
_UPGRADES: Final = {1: exact.SCHEMA}
"""What each schema version lacks of the next one."""

_CHECKPOINT_PAGES = 4_000
_WAL_BYTES_KEPT = 64 * 2**20


def lock(path: Path) -> int:
    """Lock the ledger's file for one owner; closing the returned descriptor releases it.

    The lock is a file of its own, because SQLite's locks on the ledger's file are lost when any
    other descriptor of that file is closed. It uses flock, which also excludes a second instance
    in the same process, and which the system releases when the process ends. Raises
    errors.FailedPrecondition when another owner has the lock.
    """
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise errors.FailedPrecondition(
            f"ledger {path}: is open elsewhere, expected that no other process or instance uses it"
        ) from error
    return descriptor


def connect_writer(path: Path) -> sqlite3.Connection:
    """The connection for all commits and checkpoints; creates the file and its schema.

    Raises errors.FailedPrecondition when the file is not a ledger that this version can write.
    """
    # isolation_level None: Python's sqlite3 never begins or ends a transaction by itself.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise errors.FailedPrecondition(f"ledger {path}: cannot be opened: {error}") from error
    except errors.FailedPrecondition:
        connection.close()
        raise
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that can only read, and never runs a checkpoint."""
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = _pragma(connection, "user_version")
    if version not in (0, *_UPGRADES, SCHEMA_VERSION):
        raise errors.FailedPrecondition(
            f"ledger {path}: has schema version {version}, this Sluice supports {SCHEMA_VERSION}"
        )
    if (mode := _pragma(connection, "journal_mode = WAL")) != "wal":
        raise errors.FailedPrecondition(
            f"ledger {path}: journal mode is {mode}, expected wal, "
            "which needs a file system with shared memory"
        )
    connection.execute("PRAGMA synchronous = FULL")
    # For macOS, where a plain fsync leaves data in the drive's cache; no-ops elsewhere.
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute("PRAGMA checkpoint_fullfsync = ON")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES_KEPT}")
    statements: tuple[str, ...] = _SCHEMA if version == 0 else ()
    for older in range(max(version, 1), SCHEMA_VERSION):
        statements += _UPGRADES[older]
    if statements:
        _change_schema(connection, statements)


def _change_schema(connection: sqlite3.Connection, statements: Sequence[str]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in statements:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _pragma(connection: sqlite3.Connection, pragma: str) -> int | str:
    value: int | str = connection.execute(f"PRAGMA {pragma}").fetchall()[0][0]
    return value
