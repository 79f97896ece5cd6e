"""Reading the ledger for an examination: in pages, and what lies below a key."""

from __future__ import annotations

from services.ingest.context import Ingest
from services.ingest.records import DECIDED, Decided, Pending
from services.ledger.interface import Ledger
from services.platform.records import decode
from services.platform.scanning import children

Match = tuple[str, str]
"""A campaign's id and a frame's."""


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
