"""Reading the versions of a campaign, and counting the changes since the newest one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.campaign.campaigns import get_campaign
from services.campaign.manifest import read_manifest, to_lines
from services.campaign.records import (
    CampaignRecord,
    ElementEntry,
    IssueRecord,
    VersionRecord,
    issue_key,
    version_key,
    version_prefix,
)
from services.campaign.snapshots import read_elements
from services.campaign.spaces import find_space
from services.records.documents import find_record, read_records
from services.records.pages import Page
from services.records.stores import Stores
from sluice.errors import NotFound
from sluice.names import CampaignName, IssueName, VersionName

_NUMBER = re.compile("[1-9][0-9]{0,11}")


@dataclass(frozen=True, slots=True)
class PendingChanges:
    """The changes that the next commit of a campaign would take in."""

    elements_added: int
    elements_removed: int
    commit_adds_background: bool


async def get_version(stores: Stores, name: VersionName) -> VersionRecord:
    """A version; raises NotFound naming it, or its campaign, if it does not exist."""
    if not _NUMBER.fullmatch(name.number):
        raise NotFound.of(name, "does not exist; versions are 1, 2, 3…")
    key = version_key(name.campaign, int(name.number))
    stored = await find_record(stores.ledger, name.project, key, VersionRecord)
    if stored is None:
        await get_campaign(stores, CampaignName(name.project, name.campaign))
        raise NotFound.of(name)
    return stored.record


async def list_versions(
    stores: Stores, name: CampaignName, page: Page
) -> tuple[list[VersionRecord], str]:
    """A page of a campaign's versions, newest first, and the next page token."""
    await get_campaign(stores, name)
    start = version_prefix(name.campaign)
    return await read_records(stores.ledger, name.project, start, VersionRecord, page)


async def find_pending_changes(
    stores: Stores, project: str, campaign: CampaignRecord
) -> PendingChanges:
    """Count the changes of the issue and its space since the campaign's newest version.

    A replaced element counts as one removed and one added. The elements of a deleted issue count as
    removed. Samples that the version took in are not counted.
    """
    version = campaign.version
    added, removed = await _count_changes(stores, IssueName(project, campaign.issue), version)
    space = await find_space(stores, project, version.model_id, version.dimension)
    return PendingChanges(added, removed, bool(space.basis_digest and not version.basis_digest))


async def _count_changes(
    stores: Stores, name: IssueName, version: VersionRecord
) -> tuple[int, int]:
    issue = await find_record(stores.ledger, name.project, issue_key(name.issue), IssueRecord)
    if issue is None:
        return 0, version.element_count - version.accepted_count
    if issue.record.edits == version.issue_edits:
        return 0, 0
    current = set(to_lines(await read_elements(stores, name, ElementEntry)))
    manifest = await read_manifest(stores, version.snapshot_digest)
    committed = set(manifest.without(version.purged).elements)
    return len(current - committed), len(committed - current)
