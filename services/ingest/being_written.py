"""Samples that are decided, and perhaps not in the vector store yet."""

from __future__ import annotations

from services.ingest.records import DECIDED, Decided, Pending
from services.ledger.interface import Ledger
from services.platform.records import decode


async def being_written(ledger: Ledger, project: str) -> set[tuple[str, str]]:
    """The campaign and frame of each match that is decided and on its way to the vector store.

    What was decided before and is not among them has been written, if it ever was.
    """
    listed = (await ledger.get(project, [DECIDED])).get(DECIDED)
    if listed is None:
        return set()
    entries = await ledger.get(project, decode(Decided, listed).entries)
    waiting = (decode(Pending, entry) for entry in entries.values())
    return {(pending.campaign, pending.frame_id) for pending in waiting}
