"""Deleting an issue with its elements; its id stays as a tombstone.

First the issue's record gives way to the tombstone, then its elements are deleted. Each step can be
repeated, so an interrupted deletion is completed by the same request, or by the doctor.
"""

from __future__ import annotations

from typing import Final

from msgspec import structs

from services.campaign import element_points
from services.campaign.issues import read_issue, read_issue_campaigns
from services.campaign.records import (
    CampaignRecord,
    IssueTombstone,
    campaign_key,
    element_prefix,
    issue_campaigns_key,
    issue_key,
    issue_tombstone_key,
)
from services.ledger.interface import Transaction
from services.records.documents import check_etag, find_record, retry
from services.records.records import decode, encode, now_us
from services.records.stores import Stores
from services.records.tombstones import DeletionCounts
from services.vectors.interface import Kind
from sluice.errors import FailedPrecondition
from sluice.names import CampaignName, IssueName

_PAGE: Final = 1_000


async def delete_issue(
    stores: Stores, name: IssueName, etag: str, *, validate_only: bool = False
) -> DeletionCounts:
    """Delete an issue and its elements; the answer is the same when it is called again.

    Versions that were committed keep their snapshots. Raises Aborted if the etag is not the current
    one, and FailedPrecondition naming the active campaigns of the issue.
    """

    async def attempt() -> IssueTombstone:
        tombstone = await find_tombstone(stores, name)
        return tombstone or await _delete_record(stores, name, etag, validate_only=validate_only)

    tombstone = await retry(attempt, name)
    if not validate_only and not tombstone.done:
        await finish_deletion(stores, name, tombstone)
    return tombstone.counts


async def finish_deletion(stores: Stores, name: IssueName, tombstone: IssueTombstone) -> None:
    """Delete the elements of an issue, and mark its tombstone as done."""
    await delete_element_records(stores, name)
    for collection in await stores.vectors.collections(name.project):
        if collection.kind is Kind.ELEMENTS:
            await stores.vectors.delete_tenant(collection, element_points.issue_tenant(name))
    done = {issue_tombstone_key(name.issue): encode(structs.replace(tombstone, done=True))}
    await stores.ledger.commit(Transaction(name.project, puts=done))


async def find_tombstone(stores: Stores, name: IssueName) -> IssueTombstone | None:
    """The tombstone of an issue, if it is deleted or being deleted."""
    key = issue_tombstone_key(name.issue)
    stored = await find_record(stores.ledger, name.project, key, IssueTombstone)
    return stored.record if stored else None


async def delete_element_records(stores: Stores, name: IssueName) -> None:
    """Delete the element records of a deleted issue."""
    elements = element_prefix(name.issue)
    while page := await stores.ledger.scan(name.project, elements, limit=_PAGE):
        deletes = [entry.key for entry in page]
        await stores.ledger.commit(Transaction(name.project, deletes=deletes))


async def _delete_record(
    stores: Stores, name: IssueName, etag: str, *, validate_only: bool
) -> IssueTombstone:
    issue = await read_issue(stores, name)
    check_etag(etag, issue.record.etag, name)
    campaign_ids = await read_issue_campaigns(stores, name)
    entries = await stores.ledger.get(
        name.project, [campaign_key(campaign) for campaign in campaign_ids.record.campaigns]
    )
    _check_inactive(name, [decode(CampaignRecord, entry) for entry in entries.values()])
    counts = DeletionCounts(elements=issue.record.element_count)
    tombstone = IssueTombstone(deleted_us=now_us(), counts=counts)
    if validate_only:
        return tombstone
    # Conflict if a campaign of the issue is started or activated before the commit.
    checks = {key: entry.revision for key, entry in entries.items()}
    checks[issue_key(name.issue)] = issue.revision
    checks[issue_campaigns_key(name.issue)] = campaign_ids.revision
    deletes = [issue_key(name.issue), issue_campaigns_key(name.issue)]
    puts = {issue_tombstone_key(name.issue): encode(tombstone)}
    await stores.ledger.commit(Transaction(name.project, checks, puts, deletes))
    return tombstone


def _check_inactive(name: IssueName, campaigns: list[CampaignRecord]) -> None:
    active = sorted(str(CampaignName(name.project, c.id)) for c in campaigns if c.active)
    if active:
        raise FailedPrecondition(
            f"{name} has active campaigns: {', '.join(active)}; deactivate them first"
        )
