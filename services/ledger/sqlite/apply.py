"""How one transaction changes the ledger's tables."""

from __future__ import annotations

import sqlite3

from services.ledger import hyperloglog
from services.ledger.interface import ABSENT, Conflict
from services.ledger.sqlite import tables
from services.ledger.write import INT64_MAX, INT64_MIN, Write


def apply(connection: sqlite3.Connection, write: Write) -> None:
    """Apply `write` inside the open SQLite transaction; on Conflict, the caller rolls back."""
    _check_revisions(connection, write)
    _add(connection, write)
    _put(connection, write)
    tables.delete(connection, write.partition, write.deletes)
    _insert_distinct(connection, write)


def _check_revisions(connection: sqlite3.Connection, write: Write) -> None:
    found = tables.revisions(connection, write.partition, write.checks)
    for key, expected in write.checks.items():
        actual = found.get(key, ABSENT)
        if actual != expected:
            raise Conflict(key.decode(), f"has revision {actual}, expected {expected}")


def _add(connection: sqlite3.Connection, write: Write) -> None:
    found = tables.counters(connection, write.partition, write.adds)
    sums = {name: found.get(name, 0) + add.delta for name, add in write.adds.items()}
    for name, add in write.adds.items():
        if add.delta > 0 and add.ceiling is not None and sums[name] > add.ceiling:
            raise Conflict(name.decode(), f"would be {sums[name]}, over its ceiling {add.ceiling}")
        # SQLite would turn such a sum into a float.
        if not INT64_MIN <= sums[name] <= INT64_MAX:
            raise Conflict(name.decode(), f"would be {sums[name]}, beyond 64 bits")
    rows = [(write.partition, name, value) for name, value in sums.items()]
    tables.replace(connection, "counters", rows)


def _put(connection: sqlite3.Connection, write: Write) -> None:
    if write.puts:
        revision = _next_revision(connection, write.partition)
        rows = [(write.partition, key, value, revision) for key, value in write.puts.items()]
        tables.replace(connection, "entries", rows)


def _next_revision(connection: sqlite3.Connection, partition: bytes) -> int:
    """One more than any entry of the partition ever had, so that a key put anew is seen as new."""
    query = """INSERT INTO partitions VALUES (?, 1)
        ON CONFLICT (partition) DO UPDATE SET revision = revision + 1 RETURNING revision"""
    [(revision,)] = connection.execute(query, (partition,)).fetchall()
    return int(revision)


def _insert_distinct(connection: sqlite3.Connection, write: Write) -> None:
    found = dict(tables.registers(connection, write.partition, write.distinct))
    for name, hashes in write.distinct.items():
        hyperloglog.insert(found.setdefault(name, hyperloglog.empty()), hashes)
    rows = [(write.partition, name, counted.tobytes()) for name, counted in found.items()]
    tables.replace(connection, "distinct_counts", rows)
