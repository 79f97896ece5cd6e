"""The blobs that projects reference: all projects share one blob store."""

from __future__ import annotations

from typing import Final

from services.campaign.records import (
    CampaignRecord,
    PendingCommitRecord,
    ProjectRecord,
    SpaceRecord,
    VersionRecord,
    campaign_key,
    version_prefix,
)
from services.ledger.interface import Ledger
from services.records.records import decode, prefix, segments
from services.records.scanning import list_children, scan_pages
from services.server.keys import PARTITION

_NEVER: Final = 2**63


async def read_references(ledger: Ledger, *, former_since_us: int = _NEVER) -> set[str] | None:
    """The digests that any project references, except deleted ones; None if a version is lost.

    Digests of former models, and of versions that are deleted with their campaign, count too if
    that was since `former_since_us`: the deletion may be about to remove them.

    A reference moves from a space to a running commit and on to a version: read in this order, no
    blob that is referenced all the time is missed.
    """
    digests: set[str] = set()
    for project in await _list_projects(ledger):
        async for page in scan_pages(ledger, project, prefix("space")):
            digests.update(decode(SpaceRecord, entry).basis_digest for entry in page)
        async for page in scan_pages(ledger, project, prefix("making")):
            digests.update(segments(entry.key)[-1] for entry in page)
            digests.update(decode(PendingCommitRecord, entry).basis_digest for entry in page)
        with_versions = await list_children(ledger, project, "version")
        for campaign in {*with_versions, *await list_children(ledger, project, "campaign")}:
            versions = await read_bound_versions(ledger, project, campaign)
            if versions is None:
                return None
            for version in versions:
                if version.deleted_us and version.deleted_us <= former_since_us:
                    continue
                digests |= {version.snapshot_digest, version.model_digest, version.basis_digest}
                if version.purged_us > former_since_us:
                    digests.update(version.former_digests)
    return digests


async def read_all_references(ledger: Ledger, project: str) -> set[str]:
    """The digests that a project references, also for versions and models that are deleted."""
    digests: set[str] = set()
    async for page in scan_pages(ledger, project, prefix("space")):
        digests.update(decode(SpaceRecord, entry).basis_digest for entry in page)
    async for page in scan_pages(ledger, project, prefix("making")):
        digests.update(segments(entry.key)[-1] for entry in page)
        digests.update(decode(PendingCommitRecord, entry).basis_digest for entry in page)
    for campaign in await list_children(ledger, project, "version"):
        for version in await read_versions(ledger, project, campaign):
            digests |= {version.snapshot_digest, version.model_digest, version.basis_digest}
            digests.update(version.former_digests)
    return digests - {""}


async def _list_projects(ledger: Ledger) -> list[str]:
    """All projects that are not being deleted."""
    pages = scan_pages(ledger, PARTITION, prefix("project"))
    projects = [decode(ProjectRecord, entry) async for page in pages for entry in page]
    return [project.id for project in projects if not project.deleted_us]


async def read_versions(ledger: Ledger, project: str, campaign: str) -> list[VersionRecord]:
    """All versions of a campaign that have a record, the newest first."""
    pages = scan_pages(ledger, project, version_prefix(campaign))
    return [decode(VersionRecord, entry) async for page in pages for entry in page]


async def read_bound_versions(
    ledger: Ledger, project: str, campaign: str
) -> list[VersionRecord] | None:
    """All versions of a campaign; None if records are lost, and with them their references.

    The campaign is read first: it never references a version before its record is stored.
    """
    key = campaign_key(campaign)
    entry = (await ledger.get(project, [key])).get(key)
    versions = await read_versions(ledger, project, campaign)
    if entry is None:
        return versions
    current = decode(CampaignRecord, entry).version
    numbers = {version.number for version in versions} | {current.number}
    return [current, *versions] if len(numbers) == max(numbers) else None
