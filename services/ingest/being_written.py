"""Samples that are decided, and perhaps not in the vector store yet."""

from __future__ import annotations

from services.ingest.records import DECIDED, DecidedEntries, PendingMatch
from services.ledger.interface import Ledger
from services.records.records import decode


async def being_written(ledger: Ledger, project: str) -> dict[tuple[str, str], PendingMatch]:
    """Each match that is decided and on its way to the vector store, by campaign and frame.

    What was decided before and is not among them has been written, if it ever was.
    """
    listed = (await ledger.get(project, [DECIDED])).get(DECIDED)
    if listed is None:
        return {}
    entries = await ledger.get(project, decode(DecidedEntries, listed).entries)
    waiting = (decode(PendingMatch, entry) for entry in entries.values())
    return {(pending.campaign, pending.frame_id): pending for pending in waiting}
