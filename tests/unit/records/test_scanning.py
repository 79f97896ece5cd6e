"""Scans of all entries below a key."""

from __future__ import annotations

from services.ledger.interface import Transaction
from services.ledger.sqlite.ledger import SqliteLedger
from services.records.records import key, prefix
from services.records.scanning import list_children, scan_pages


async def test_all_entries_below_a_key_are_scanned_once(ledger: SqliteLedger) -> None:
    """Pages join to all entries in the order of their keys, and to no others."""
    keys = [key("row", f"{number:02}") for number in range(7)]
    puts = dict.fromkeys([*keys, key("rows", "0"), key("ro", "w")], b"")
    await ledger.commit(Transaction("p", puts=puts))
    pages = [
        [entry.key for entry in page]
        async for page in scan_pages(ledger, "p", prefix("row"), size=3)
    ]

    assert [keys[:3], keys[3:6], keys[6:]] == pages


async def test_children_are_listed_once_each(ledger: SqliteLedger) -> None:
    """Each second segment is listed once and unescaped, however many entries it has."""
    children = ["a", "a b", "a/b", "é"]
    keys = [key("row", child, str(number)) for child in children for number in range(3)]
    await ledger.commit(Transaction("p", puts=dict.fromkeys([*keys, key("other", "x", "0")], b"")))

    assert sorted(children) == sorted(await list_children(ledger, "p", "row"))
