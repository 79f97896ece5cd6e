"""Distinct counts that are exact while they are small: the hashes themselves."""

# ruff: noqa: S608 - the text of statements comes from this module alone; values are always bound.

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.ledger.interface import EXACT_MAX

SCHEMA: Final = (
    """CREATE TABLE exact_counts (
        id INTEGER PRIMARY KEY, partition BLOB NOT NULL, name BLOB NOT NULL, count INTEGER,
        UNIQUE (partition, name))""",
    """CREATE TABLE exact_hashes (
        id INTEGER, hash INTEGER, PRIMARY KEY (id, hash)) WITHOUT ROWID""",
)
"""A count that has grown over the limit is NULL, without hashes. One that an earlier Sluice began
has no row, since its hashes are unknown."""

_HASHES_PER_STATEMENT = 500


def insert(
    connection: sqlite3.Connection,
    partition: bytes,
    distinct: Mapping[bytes, NDArray[np.uint64]],
    existing: Iterable[bytes],
) -> None:
    """Keep the hashes of counts that are exact; `existing` counts had hashes before this call."""
    known = set(existing)
    for name, hashes in distinct.items():
        row = _find(connection, partition, name)
        if row is None and name not in known:
            row = _create(connection, partition, name)
        if row is None or row[1] is None:
            continue
        _extend(connection, row[0], row[1], hashes)


def count(connection: sqlite3.Connection, partition: bytes, names: Iterable[bytes]) -> int | None:
    """The number of different hashes in the union of counts; None if one is not exact.

    Names of counts without any hash are of no account; the caller knows which these are.
    """
    ids: list[int] = []
    for name in names:
        row = _find(connection, partition, name)
        if row is None or row[1] is None:
            return None
        ids.append(row[0])
    marks = ", ".join("?" * len(ids))
    query = f"SELECT count(DISTINCT hash) FROM exact_hashes WHERE id IN ({marks})"
    [(total,)] = connection.execute(query, ids).fetchall()
    return int(total)


def _find(
    connection: sqlite3.Connection, partition: bytes, name: bytes
) -> tuple[int, int | None] | None:
    query = "SELECT id, count FROM exact_counts WHERE partition = ? AND name = ?"
    rows: list[tuple[int, int | None]] = connection.execute(query, (partition, name)).fetchall()
    return rows[0] if rows else None


def _create(connection: sqlite3.Connection, partition: bytes, name: bytes) -> tuple[int, int]:
    query = "INSERT INTO exact_counts (partition, name, count) VALUES (?, ?, 0) RETURNING id"
    [(id,)] = connection.execute(query, (partition, name)).fetchall()
    return int(id), 0


def _extend(
    connection: sqlite3.Connection, id: int, count: int, hashes: NDArray[np.uint64]
) -> None:
    """Add hashes to a count; one over the limit loses all of them."""
    # SQLite's integers are signed; the same 64 bits stay different.
    values = np.unique(hashes).view(np.int64).tolist()
    for start in range(0, len(values), _HASHES_PER_STATEMENT):
        chunk = values[start : start + _HASHES_PER_STATEMENT]
        marks = ", ".join(f"({id}, ?)" for _ in chunk)
        cursor = connection.execute(f"INSERT OR IGNORE INTO exact_hashes VALUES {marks}", chunk)
        count += cursor.rowcount
    if count <= EXACT_MAX:
        connection.execute("UPDATE exact_counts SET count = ? WHERE id = ?", (count, id))
        return
    connection.execute("DELETE FROM exact_hashes WHERE id = ?", (id,))
    connection.execute("UPDATE exact_counts SET count = NULL WHERE id = ?", (id,))
