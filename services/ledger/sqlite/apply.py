"""Apply one transaction to the ledger's tables."""

from __future__ import annotations

import sqlite3

from services.ledger import hyperloglog
from services.ledger.encoding import INT64_MAX, INT64_MIN, EncodedTransaction
from services.ledger.interface import ABSENT, Conflict
from services.ledger.sqlite import exact, tables


def apply(connection: sqlite3.Connection, transaction: EncodedTransaction) -> None:
    """Apply it inside the open SQLite transaction; on Conflict, the caller rolls back."""
    _check_revisions(connection, transaction)
    _change_counters(connection, transaction)
    _put_entries(connection, transaction)
    tables.delete_entries(connection, transaction.partition, transaction.deletes)
    _insert_distinct(connection, transaction)


def _check_revisions(connection: sqlite3.Connection, transaction: EncodedTransaction) -> None:
    revisions = tables.read_revisions(connection, transaction.partition, transaction.checks)
    for key, expected in transaction.checks.items():
        actual = revisions.get(key, ABSENT)
        if actual != expected:
            raise Conflict(key.decode(), f"has revision {actual}, expected {expected}")


def _change_counters(connection: sqlite3.Connection, transaction: EncodedTransaction) -> None:
    counters = tables.read_counters(connection, transaction.partition, transaction.adds)
    sums = {name: counters.get(name, 0) + add.delta for name, add in transaction.adds.items()}
    for name, add in transaction.adds.items():
        if add.delta > 0 and add.ceiling is not None and sums[name] > add.ceiling:
            raise Conflict(name.decode(), f"would be {sums[name]}, over its ceiling {add.ceiling}")
        # SQLite would convert such a sum to a float.
        if not INT64_MIN <= sums[name] <= INT64_MAX:
            raise Conflict(name.decode(), f"would be {sums[name]}, beyond 64 bits")
    rows = [(transaction.partition, name, value) for name, value in sums.items()]
    tables.replace_rows(connection, "counters", rows)


def _put_entries(connection: sqlite3.Connection, transaction: EncodedTransaction) -> None:
    if transaction.puts:
        revision = _next_revision(connection, transaction.partition)
        rows = [
            (transaction.partition, key, value, revision) for key, value in transaction.puts.items()
        ]
        tables.replace_rows(connection, "entries", rows)


def _next_revision(connection: sqlite3.Connection, partition: bytes) -> int:
    """One more than the last revision of the partition, also when its entry was deleted."""
    query = """INSERT INTO partitions VALUES (?, 1)
        ON CONFLICT (partition) DO UPDATE SET revision = revision + 1 RETURNING revision"""
    [(revision,)] = connection.execute(query, (partition,)).fetchall()
    return int(revision)


def _insert_distinct(connection: sqlite3.Connection, transaction: EncodedTransaction) -> None:
    registers = dict(tables.read_registers(connection, transaction.partition, transaction.distinct))
    exact.insert(connection, transaction.partition, transaction.distinct, registers)
    for name, hashes in transaction.distinct.items():
        hyperloglog.insert(registers.setdefault(name, hyperloglog.empty_registers()), hashes)
    rows = [(transaction.partition, name, count.tobytes()) for name, count in registers.items()]
    tables.replace_rows(connection, "distinct_counts", rows)
