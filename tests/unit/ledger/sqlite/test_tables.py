"""Reads and writes of more rows than one SQL statement holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.ledger.interface import Entry
from services.ledger.sqlite import tables
from services.ledger.sqlite.file import connect_writer

ROWS = 1_201
KEYS = [b"%04d" % number for number in range(ROWS)]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A ledger's file with `ROWS` entries and counters of partition p, and one entry of another."""
    opened = connect_writer(tmp_path / "ledger.sqlite")
    rows = [(b"p", key, b"value " + key, number) for number, key in enumerate(KEYS)]
    tables.replace_rows(opened, "entries", [*rows, (b"q", KEYS[0], b"of another", 1)])
    counters = [(b"p", key, -number) for number, key in enumerate(KEYS)]
    tables.replace_rows(opened, "counters", counters)
    yield opened
    opened.close()


@pytest.mark.parametrize("limit", [1, 500, 501, 1_000, ROWS, ROWS + 1])
def test_a_page_is_read_whole_and_in_order(connection: sqlite3.Connection, limit: int) -> None:
    """However many statements a page takes, it is the first rows by key."""
    page = tables.read_page(connection, b"p", KEYS[0], b"\xff", limit)

    assert [key.decode() for key in KEYS[:limit]] == [entry.key for entry in page]


def test_rows_are_read_by_their_keys(connection: sqlite3.Connection) -> None:
    """Keys that do not exist are left out, in any statement of the read."""
    keys = [*KEYS, b"missing"]
    entries = tables.read_entries(connection, b"p", keys)

    assert ROWS == len(entries)
    assert Entry("1200", b"value 1200", 1_200) in entries
    revisions = {key: number for number, key in enumerate(KEYS)}
    assert revisions == tables.read_revisions(connection, b"p", keys)
    counters = {key: -number for number, key in enumerate(KEYS)}
    assert counters == tables.read_counters(connection, b"p", keys)


def test_deletes_concern_one_partition(connection: sqlite3.Connection) -> None:
    """All keys are deleted, and the same key of another partition is kept."""
    tables.delete_entries(connection, b"p", KEYS)

    assert [] == tables.read_entries(connection, b"p", KEYS)
    assert [Entry("0000", b"of another", 1)] == tables.read_entries(connection, b"q", KEYS)


def test_values_of_any_bytes_are_read_back(connection: sqlite3.Connection) -> None:
    """Separators of the packed form, NUL and empty values included."""
    rows = [(b"p", b"a ,\0", b" ,\0\xff", 1), (b"p", b"b", b"", 2)]
    tables.replace_rows(connection, "entries", rows)

    expected = [Entry("a ,\0", b" ,\0\xff", 1), Entry("b", b"", 2)]
    assert expected == tables.read_page(connection, b"p", b"a", b"c", 10)
