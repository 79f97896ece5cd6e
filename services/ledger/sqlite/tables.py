"""Reads and writes of the ledger's tables, many rows in one step of SQLite.

Python's sqlite3 releases the interpreter's lock for every row it steps to. While another thread
is busy, each release costs up to a switch interval (5 ms): 1,000 rows written by `executemany`
then took 2.5 s, in one statement 0.03 s. So rows are written by statements of hundreds, and read
as one text that SQLite concatenated.
"""

# ruff: noqa: S608 - the text of statements comes from this module alone; values are always bound.

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from services.ledger.hyperloglog import Registers
from services.ledger.interface import Entry

_ROWS_PER_STATEMENT = 500

_Item = TypeVar("_Item")


def read_entries(
    connection: sqlite3.Connection, partition: bytes, keys: Iterable[bytes]
) -> list[Entry]:
    """The entries of those keys that exist."""
    entries: list[Entry] = []
    for chunk in _chunks(list(keys)):
        source = f"entries WHERE partition = ? AND key IN ({_placeholders(chunk)})"
        entries += _select_entries(connection, source, (partition, *chunk))
    return entries


def read_page(
    connection: sqlite3.Connection, partition: bytes, start: bytes, stop: bytes, limit: int
) -> list[Entry]:
    """The first `limit` entries with start ≤ key < stop, in the order of their bytes."""
    source = """(SELECT key, revision, value FROM entries
        WHERE partition = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?)"""
    page: list[Entry] = []
    while (row_count := min(limit - len(page), _ROWS_PER_STATEMENT)) > 0:
        rows = _select_entries(connection, source, (partition, start, stop, row_count))
        # An aggregate has no defined order. Code points sort like the bytes of their UTF-8.
        page += sorted(rows, key=lambda entry: entry.key)
        if len(rows) < row_count:
            break
        start = page[-1].key.encode() + b"\0"
    return page


def read_revisions(
    connection: sqlite3.Connection, partition: bytes, keys: Iterable[bytes]
) -> dict[bytes, int]:
    """The revision of each of those keys that exists."""
    revisions: dict[bytes, int] = {}
    for chunk in _chunks(list(keys)):
        source = f"entries WHERE partition = ? AND key IN ({_placeholders(chunk)})"
        rows = _select(connection, ("hex(key)", "revision"), source, (partition, *chunk))
        revisions |= {bytes.fromhex(key): int(revision) for key, revision in rows}
    return revisions


def read_counters(
    connection: sqlite3.Connection, partition: bytes, names: Iterable[bytes]
) -> dict[bytes, int]:
    """The value of each of those counters that was ever added to."""
    counters: dict[bytes, int] = {}
    for chunk in _chunks(list(names)):
        source = f"counters WHERE partition = ? AND name IN ({_placeholders(chunk)})"
        rows = _select(connection, ("hex(name)", "value"), source, (partition, *chunk))
        counters |= {bytes.fromhex(name): int(value) for name, value in rows}
    return counters


def read_registers(
    connection: sqlite3.Connection, partition: bytes, names: Iterable[bytes]
) -> Iterator[tuple[bytes, Registers]]:
    """Name and registers (a writable copy) of each of those distinct counts that exists."""
    for chunk in _chunks(list(names)):
        query = f"""SELECT name, registers FROM distinct_counts
            WHERE partition = ? AND name IN ({_placeholders(chunk)})"""
        for name, stored in connection.execute(query, (partition, *chunk)):
            yield name, np.frombuffer(stored, dtype=np.uint8).copy()


def replace_rows(
    connection: sqlite3.Connection, table: str, rows: Sequence[tuple[bytes | int, ...]]
) -> None:
    """Insert rows, replacing those with the same primary key."""
    for chunk in _chunks(rows):
        marks = ", ".join(f"({_placeholders(row)})" for row in chunk)
        connection.execute(
            f"REPLACE INTO {table} VALUES {marks}", [value for row in chunk for value in row]
        )


def delete_entries(connection: sqlite3.Connection, partition: bytes, keys: Sequence[bytes]) -> None:
    """Remove those entries that exist."""
    for chunk in _chunks(keys):
        connection.execute(
            f"DELETE FROM entries WHERE partition = ? AND key IN ({_placeholders(chunk)})",
            (partition, *chunk),
        )


def _select_entries(
    connection: sqlite3.Connection, source: str, parameters: Sequence[bytes | int]
) -> list[Entry]:
    rows = _select(connection, ("hex(key)", "revision", "hex(value)"), source, parameters)
    return [
        Entry(bytes.fromhex(key).decode(), bytes.fromhex(value), int(revision))
        for key, revision, value in rows
    ]


def _select(
    connection: sqlite3.Connection,
    columns: Sequence[str],
    source: str,
    parameters: Sequence[bytes | int],
) -> list[list[str]]:
    """The columns of the rows of `source`; no value may contain a space or a comma."""
    row = " || ' ' || ".join(columns)
    query = f"SELECT group_concat({row}, ',') FROM {source}"
    [(packed,)] = connection.execute(query, parameters).fetchall()
    return [fields.split(" ") for fields in packed.split(",")] if packed else []


def _chunks(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), _ROWS_PER_STATEMENT):
        yield items[start : start + _ROWS_PER_STATEMENT]


def _placeholders(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
