"""Samples that are decided, but may not be in the vector store yet."""

from __future__ import annotations

from services.ingest.records import DECIDED, DecidedEntries, PendingMatch
from services.ledger.interface import Ledger
from services.records.records import decode


async def read_unwritten(ledger: Ledger, project: str) -> dict[tuple[str, str], PendingMatch]:
    """The matches on the projector's list of decided entries, by campaign and frame id.

    A decision that was committed before, and is not on the list, has already been written.
    """
    listed = (await ledger.get(project, [DECIDED])).get(DECIDED)
    if listed is None:
        return {}
    entries = await ledger.get(project, decode(DecidedEntries, listed).entries)
    matches = (decode(PendingMatch, entry) for entry in entries.values())
    return {(match.campaign, match.frame_id): match for match in matches}
