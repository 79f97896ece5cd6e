"""Campaigns of a project, read for an examination."""

from __future__ import annotations

from services.campaign.records import CampaignRecord
from services.ledger.interface import Ledger
from services.records.records import decode, prefix
from services.records.scanning import scan_pages


async def read_campaigns(ledger: Ledger, project: str) -> list[CampaignRecord]:
    """All campaigns of a project, without their earlier versions."""
    pages = scan_pages(ledger, project, prefix("campaign"))
    return [decode(CampaignRecord, entry) async for page in pages for entry in page]
