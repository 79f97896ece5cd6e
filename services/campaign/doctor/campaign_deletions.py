"""Deletions of campaigns that were interrupted."""

from __future__ import annotations

from services.campaign.campaign_deletion import finish_deletion
from services.campaign.records import CampaignTombstone
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, Finding, FindingKind
from services.peers.campaign_purges import CampaignPurges
from services.records.records import decode, prefix, segments
from services.records.scanning import scan_pages
from sluice.names import CampaignName


async def examine(examination: Examination, purges: CampaignPurges) -> ExaminationEvents:
    """Report deletions that began an hour ago and are not complete; a repair completes them."""
    stores, project = examination.stores, examination.project
    async for page in scan_pages(examination.ledger, project, prefix("deleted-campaign")):
        for entry in page:
            tombstone = decode(CampaignTombstone, entry)
            if tombstone.done or examination.is_young(tombstone.deleted_us):
                continue
            name = CampaignName(project, segments(entry.key)[-1])
            if examination.repair:
                await finish_deletion(stores, purges, name, tombstone)
            finding = Finding(
                FindingKind.DELETION_UNFINISHED, str(name), "deleted everywhere", "interrupted"
            )
            yield finding.mark_repaired(examination.repair)
