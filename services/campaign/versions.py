"""Reading the versions of a campaign, and what has changed in its issue since the newest."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.campaign.campaigns import get_campaign
from services.campaign.manifest import lines_of, read_manifest
from services.campaign.records import (
    Campaign,
    ElementEntry,
    Issue,
    Version,
    issue_key,
    version_key,
    version_prefix,
)
from services.campaign.snapshots import read_elements
from services.campaign.spaces import find_space
from services.records.documents import find_record, read_record, read_records
from services.records.pages import Page
from services.records.stores import Stores
from sluice.errors import NotFound
from sluice.names import CampaignName, IssueName, VersionName

_NUMBER = re.compile("[1-9][0-9]{0,11}")


@dataclass(frozen=True, slots=True)
class Drift:
    """What a new version of a campaign would change."""

    elements_added: int
    elements_removed: int
    commit_adds_background: bool


async def get_version(stores: Stores, name: VersionName) -> Version:
    """A version; NotFound naming it if there is none."""
    if not _NUMBER.fullmatch(name.number):
        raise NotFound(f"{name} does not exist; versions are 1, 2, 3…")
    where = version_key(name.campaign, int(name.number))
    return (await read_record(stores.ledger, name.project, where, Version, name)).record


async def list_versions(
    stores: Stores, name: CampaignName, page: Page
) -> tuple[list[Version], str]:
    """A page of the versions of a campaign, newest first, and the next one's token."""
    await get_campaign(stores, name)
    start = version_prefix(name.campaign)
    return await read_records(stores.ledger, name.project, start, Version, page)


async def drift_of(stores: Stores, project: str, campaign: Campaign) -> Drift:
    """What has changed in the issue, and in its space, since the campaign's newest version.

    An element with other content counts as one removed and one added. Of an issue that was
    deleted, all are removed. Samples that the version took in are not the issue's.
    """
    version = campaign.version
    added, removed = await _changes(stores, IssueName(project, campaign.issue), version)
    space = await find_space(stores, project, version.model_id, version.dimension)
    return Drift(added, removed, bool(space.basis_digest and not version.basis_digest))


async def _changes(stores: Stores, name: IssueName, version: Version) -> tuple[int, int]:
    issue = await find_record(stores.ledger, name.project, issue_key(name.issue), Issue)
    if issue is None:
        return 0, version.element_count - version.accepted_count
    if issue.record.edits == version.issue_edits:
        return 0, 0
    now = set(lines_of(await read_elements(stores, name, ElementEntry)))
    then = set((await read_manifest(stores, version.snapshot_digest)).elements)
    return len(now - then), len(then - now)
