"""The campaigns that an examination of a project covers."""

from __future__ import annotations

from services.ledger.interface import Ledger
from services.records.scanning import list_children

Match = tuple[str, str]
"""The ids of a campaign and of a frame."""


async def campaigns(ledger: Ledger, project: str) -> list[str]:
    """The ids of all campaigns for which ingest has counters or rows, without deleted ones."""
    counted = await list_children(ledger, project, "extremes")
    known = {*counted, *await list_children(ledger, project, "row")}
    return sorted(known.difference(await list_children(ledger, project, "purged-campaign")))
