"""Campaigns and versions of a project, read for an examination."""

from __future__ import annotations

from services.campaign.records import CampaignRecord, VersionRecord, campaign_key, version_prefix
from services.ledger.interface import Ledger
from services.records.records import decode, prefix
from services.records.scanning import scan_pages


async def read_campaigns(ledger: Ledger, project: str) -> list[CampaignRecord]:
    """All campaigns of a project, without their earlier versions."""
    pages = scan_pages(ledger, project, prefix("campaign"))
    return [decode(CampaignRecord, entry) async for page in pages for entry in page]


async def read_versions(ledger: Ledger, project: str, campaign: str) -> list[VersionRecord]:
    """All versions of a campaign that have a record, the newest first."""
    pages = scan_pages(ledger, project, version_prefix(campaign))
    return [decode(VersionRecord, entry) async for page in pages for entry in page]


async def read_bound_versions(
    ledger: Ledger, project: str, campaign: str
) -> list[VersionRecord] | None:
    """All versions of a campaign; None if records are lost, and with them their references.

    The campaign is read first: it never references a version whose record is not stored yet.
    """
    key = campaign_key(campaign)
    entry = (await ledger.get(project, [key])).get(key)
    versions = await read_versions(ledger, project, campaign)
    if entry is None:
        return versions
    current = decode(CampaignRecord, entry).version
    numbers = {version.number for version in versions} | {current.number}
    return [current, *versions] if len(numbers) == max(numbers) else None
