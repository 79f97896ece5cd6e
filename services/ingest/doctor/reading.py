"""Reading the ledger for an examination: in pages, and what lies below a key."""

from __future__ import annotations

from services.ledger.interface import Ledger
from services.records.scanning import list_children

Match = tuple[str, str]
"""A campaign's id and a frame's."""


async def campaigns(ledger: Ledger, project: str) -> list[str]:
    """The ids of all campaigns that ingest has counted anything for."""
    counted = await list_children(ledger, project, "extremes")
    return sorted({*counted, *await list_children(ledger, project, "row")})
