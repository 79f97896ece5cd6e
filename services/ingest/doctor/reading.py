"""Reading the ledger for an examination: in pages, and what lies below a key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from services.ingest.context import Ingest
from services.ingest.records import DECIDED, Decided, Pending
from services.ledger.interface import Entry, Ledger
from services.platform.records import decode, prefix, segments

PAGE: Final = 256
"""Records read at a time; with their documents, of 64 KiB at most, that is 16 MiB."""

_LAST = "\U0010ffff"  # sorts after all that a key may go on with

Match = tuple[str, str]
"""A campaign's id and a frame's."""


async def pages(
    ledger: Ledger, project: str, below: str, size: int = PAGE
) -> AsyncIterator[list[Entry]]:
    """All entries whose key starts with `below`, page by page."""
    after = ""
    while page := await ledger.scan(project, below, after=after, limit=size):
        yield page
        after = page[-1].key


async def children(ledger: Ledger, project: str, parent: str) -> list[str]:
    """The second segments of all keys below `parent`, without reading what lies below each."""
    found: list[str] = []
    after = ""
    while page := await ledger.scan(project, prefix(parent), after=after, limit=1):
        child = segments(page[0].key)[1]
        found.append(child)
        after = prefix(parent, child) + _LAST
    return found


async def campaigns(ledger: Ledger, project: str) -> list[str]:
    """The ids of all campaigns that ingest has counted anything for."""
    counted = await children(ledger, project, "extremes")
    return sorted({*counted, *await children(ledger, project, "row")})


async def being_written(ingest: Ingest, project: str) -> set[Match]:
    """The matches that are decided and whose samples are on their way to the vector store."""
    ledger = ingest.stores.ledger
    listed = (await ledger.get(project, [DECIDED])).get(DECIDED)
    if listed is None:
        return set()
    entries = await ledger.get(project, decode(Decided, listed).entries)
    waiting = (decode(Pending, entry) for entry in entries.values())
    return {(pending.campaign, pending.frame_id) for pending in waiting}
