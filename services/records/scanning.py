"""Scans of all entries below a key of the ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from services.ledger.interface import Entry, Ledger
from services.records.records import prefix, segments

PAGE: Final = 256
"""Entries read at a time; frame records of at most 64 KiB make that 16 MiB."""

LAST: Final = "\U0010ffff"
"""Sorts after every character that may follow in a key."""


async def scan_pages(
    ledger: Ledger, partition: str, below: str, size: int = PAGE
) -> AsyncIterator[list[Entry]]:
    """All entries whose key starts with `below`, page by page."""
    after = ""
    while page := await ledger.scan(partition, below, after=after, limit=size):
        yield page
        after = page[-1].key


async def list_children(ledger: Ledger, partition: str, parent: str) -> list[str]:
    """The second segments of all keys below `parent`, without reading the entries of each."""
    children: list[str] = []
    after = ""
    while page := await ledger.scan(partition, prefix(parent), after=after, limit=1):
        child = segments(page[0].key)[1]
        children.append(child)
        after = prefix(parent, child) + LAST
    return children
