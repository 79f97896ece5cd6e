"""Deleting an issue with its elements."""

from __future__ import annotations

from typing import Final

from services.campaign import points
from services.campaign.issues import read_campaigns_of, read_issue
from services.campaign.records import (
    Campaign,
    Deleting,
    Issue,
    campaign_key,
    deleting_key,
    element_prefix,
    issue_campaigns_key,
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

    Raises Aborted when it has not that etag any more, and FailedPrecondition naming the
    campaigns of it that are active.
    """
    issue = await retry(lambda: _delete(stores, name, etag), name)
    # The elements go last: without their issue nobody sees them, and what a crash leaves of
    # them only takes up space.
    await _delete_elements(stores, name, issue)


async def _delete(stores: Stores, name: IssueName, etag: str) -> Issue:
    issue = await read_issue(stores, name)
    check_etag(etag, issue.record.etag, name)
    listed = await read_campaigns_of(stores, name)
    campaigns = await stores.ledger.get(
        name.project, [campaign_key(campaign) for campaign in listed.record.campaigns]
    )
    _refuse_active(name, [decode(Campaign, entry) for entry in campaigns.values()])
    # Nobody may start or activate a campaign of it between here and the commit.
    checks = {key: entry.revision for key, entry in campaigns.items()}
    checks[issue_key(name.issue)] = issue.revision
    checks[issue_campaigns_key(name.issue)] = listed.revision
    deletes = [issue_key(name.issue), issue_campaigns_key(name.issue)]
    puts = {deleting_key(name.issue): encode(Deleting(started_us=now_us()))}
    await stores.ledger.commit(Transaction(name.project, checks, puts, deletes))
    return issue.record


def _refuse_active(name: IssueName, campaigns: list[Campaign]) -> None:
    active = sorted(str(CampaignName(name.project, c.id)) for c in campaigns if c.active)
    if active:
        raise FailedPrecondition(f"{name} has active campaigns: {', '.join(active)}")


async def _delete_elements(stores: Stores, name: IssueName, issue: Issue) -> None:
    await delete_element_records(stores, name)
    if issue.dimension:
        collection = points.elements_of(name.project, issue.model_id, issue.dimension)
        await stores.vectors.delete_tenant(collection, points.issue_tenant(name))
    await stores.ledger.commit(Transaction(name.project, deletes=[deleting_key(name.issue)]))


async def delete_element_records(stores: Stores, name: IssueName) -> None:
    """Delete the element records of an issue that is gone."""
    elements = element_prefix(name.issue)
    while page := await stores.ledger.scan(name.project, elements, limit=_PAGE):
        deletes = [entry.key for entry in page]
        await stores.ledger.commit(Transaction(name.project, deletes=deletes))
