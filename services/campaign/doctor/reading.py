"""Campaigns and versions of a project, read for an examination."""

from __future__ import annotations

from services.campaign.records import Campaign, Version, campaign_key, version_prefix
from services.ledger.interface import Ledger
from services.records.records import decode, prefix
from services.records.scanning import scan_pages


async def campaigns_of(ledger: Ledger, project: str) -> list[Campaign]:
    """All campaigns of a project, without their earlier versions."""
    found: list[Campaign] = []
    async for page in scan_pages(ledger, project, prefix("campaign")):
        found += [decode(Campaign, entry) for entry in page]
    return found


async def bound_versions(ledger: Ledger, project: str, campaign: str) -> list[Version] | None:
    """All versions of a campaign; None when records are missing: then nobody knows what they name.

    The campaign is read first: it never knows of a version whose record is not there yet.
    """
    where = campaign_key(campaign)
    record = (await ledger.get(project, [where])).get(where)
    versions = await versions_of(ledger, project, campaign)
    if record is None:
        return versions
    own = decode(Campaign, record).version
    numbers = {version.number for version in versions} | {own.number}
    return [own, *versions] if len(numbers) == max(numbers) else None


async def versions_of(ledger: Ledger, project: str, campaign: str) -> list[Version]:
    """All versions of a campaign, the newest first."""
    found: list[Version] = []
    async for page in scan_pages(ledger, project, version_prefix(campaign)):
        found += [decode(Version, entry) for entry in page]
    return found
