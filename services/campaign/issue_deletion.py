"""Deleting an issue with its elements."""

from __future__ import annotations

from typing import Final

from services.campaign import element_points
from services.campaign.issues import read_issue, read_issue_campaigns
from services.campaign.records import (
    CampaignRecord,
    IssueDeletionRecord,
    IssueRecord,
    campaign_key,
    element_prefix,
    issue_campaigns_key,
    issue_deletion_key,
    issue_key,
)
from services.ledger.interface import Transaction
from services.records.documents import check_etag, retry
from services.records.records import decode, encode, now_us
from services.records.stores import Stores
from sluice.errors import FailedPrecondition
from sluice.names import CampaignName, IssueName

_PAGE: Final = 1_000


async def delete_issue(stores: Stores, name: IssueName, etag: str) -> None:
    """Delete an issue and its elements; versions already committed keep their snapshots.

    Raises Aborted if the etag is not the current one, and FailedPrecondition naming the active
    campaigns of the issue.
    """
    issue = await retry(lambda: _delete_record(stores, name, etag), name)
    # The elements are deleted last: nobody can read them without their issue, and the doctor
    # removes what a crash leaves.
    await _delete_elements(stores, name, issue)


async def _delete_record(stores: Stores, name: IssueName, etag: str) -> IssueRecord:
    issue = await read_issue(stores, name)
    check_etag(etag, issue.record.etag, name)
    campaign_ids = await read_issue_campaigns(stores, name)
    entries = await stores.ledger.get(
        name.project, [campaign_key(campaign) for campaign in campaign_ids.record.campaigns]
    )
    _check_inactive(name, [decode(CampaignRecord, entry) for entry in entries.values()])
    # Conflict if a campaign of the issue is started or activated before the commit.
    checks = {key: entry.revision for key, entry in entries.items()}
    checks[issue_key(name.issue)] = issue.revision
    checks[issue_campaigns_key(name.issue)] = campaign_ids.revision
    deletes = [issue_key(name.issue), issue_campaigns_key(name.issue)]
    puts = {issue_deletion_key(name.issue): encode(IssueDeletionRecord(started_us=now_us()))}
    await stores.ledger.commit(Transaction(name.project, checks, puts, deletes))
    return issue.record


def _check_inactive(name: IssueName, campaigns: list[CampaignRecord]) -> None:
    active = sorted(str(CampaignName(name.project, c.id)) for c in campaigns if c.active)
    if active:
        raise FailedPrecondition(
            f"{name} has active campaigns: {', '.join(active)}; deactivate them first"
        )


async def _delete_elements(stores: Stores, name: IssueName, issue: IssueRecord) -> None:
    await delete_element_records(stores, name)
    if issue.dimension:
        collection = element_points.collection_for(name.project, issue)
        await stores.vectors.delete_tenant(collection, element_points.issue_tenant(name))
    await stores.ledger.commit(Transaction(name.project, deletes=[issue_deletion_key(name.issue)]))


async def delete_element_records(stores: Stores, name: IssueName) -> None:
    """Delete the element records of a deleted issue."""
    elements = element_prefix(name.issue)
    while page := await stores.ledger.scan(name.project, elements, limit=_PAGE):
        deletes = [entry.key for entry in page]
        await stores.ledger.commit(Transaction(name.project, deletes=deletes))
