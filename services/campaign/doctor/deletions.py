"""Deletions of issues and campaigns that were interrupted."""

from __future__ import annotations

from services.campaign import campaign_deletion, issue_deletion
from services.campaign.records import CampaignTombstone, IssueTombstone
from services.doctor.examination import Examination, run_examiners
from services.doctor.findings import ExaminationEvents, Finding, FindingKind
from services.peers.resource_purges import ResourcePurges
from services.records.records import decode, prefix, segments
from services.records.scanning import scan_pages
from sluice.names import CampaignName, IssueName


async def examine(examination: Examination, purges: ResourcePurges) -> ExaminationEvents:
    """Report deletions that began an hour ago and are not complete; a repair completes them."""
    async for event in run_examiners(
        _examine_issues(examination), _examine_campaigns(examination, purges)
    ):
        yield event


async def _examine_issues(examination: Examination) -> ExaminationEvents:
    stores, project = examination.stores, examination.project
    async for page in scan_pages(examination.ledger, project, prefix("deleted-issue")):
        for entry in page:
            tombstone = decode(IssueTombstone, entry)
            if tombstone.done or examination.is_young(tombstone.deleted_us):
                continue
            name = IssueName(project, segments(entry.key)[-1])
            if examination.repair:
                await issue_deletion.finish_deletion(stores, name, tombstone)
            yield unfinished_deletion(name).mark_repaired(examination.repair)


async def _examine_campaigns(examination: Examination, purges: ResourcePurges) -> ExaminationEvents:
    stores, project = examination.stores, examination.project
    async for page in scan_pages(examination.ledger, project, prefix("deleted-campaign")):
        for entry in page:
            tombstone = decode(CampaignTombstone, entry)
            if tombstone.done or examination.is_young(tombstone.deleted_us):
                continue
            name = CampaignName(project, segments(entry.key)[-1])
            if examination.repair:
                await campaign_deletion.finish_deletion(stores, purges, name, tombstone)
            yield unfinished_deletion(name).mark_repaired(examination.repair)


def unfinished_deletion(name: object) -> Finding:
    """The finding for a deletion that was interrupted."""
    return Finding(FindingKind.DELETION_UNFINISHED, str(name), "deleted everywhere", "interrupted")
