"""Deleting a campaign: its samples, snapshots and models; its id and its counters stay.

First the campaign's record gives way to a tombstone; then come the samples, which ingest removes,
and the versions. A version keeps its record, without files: late batches that name it are judged
inactive, never refused. Each step can be repeated, so an interrupted deletion is completed by the
same request, or by the doctor.
"""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import structs

from services.campaign import element_points
from services.campaign.blob_references import read_references, read_versions
from services.campaign.campaigns import read_campaign
from services.campaign.records import (
    GENERATION,
    CampaignTombstone,
    IssueCampaignsRecord,
    VersionRecord,
    campaign_key,
    campaign_tombstone_key,
    issue_campaigns_key,
    version_key,
)
from services.ledger.interface import Add, Transaction
from services.peers.resource_purges import ResourcePurges
from services.records.documents import check_etag, find_record, retry
from services.records.records import encode, now_us
from services.records.stores import Stores
from services.records.tombstones import DeletionCounts
from services.vectors.interface import Kind
from sluice.errors import FailedPrecondition, NotFound
from sluice.names import CampaignName


async def delete_campaign(
    stores: Stores, purges: ResourcePurges, name: CampaignName, etag: str, *, validate_only: bool
) -> DeletionCounts:
    """Delete an inactive campaign; the answer is the same when it is called again.

    Raises Aborted if the etag is not the current one, FailedPrecondition for an active campaign,
    and Unavailable while ingest is away.
    """

    async def attempt() -> CampaignTombstone:
        tombstone = await _find_tombstone(stores, name)
        return tombstone or await _delete_record(
            stores, purges, name, etag, validate_only=validate_only
        )

    tombstone = await retry(attempt, name)
    if not validate_only and not tombstone.done:
        await finish_deletion(stores, purges, name, tombstone)
    return tombstone.counts


async def finish_deletion(
    stores: Stores, purges: ResourcePurges, name: CampaignName, tombstone: CampaignTombstone
) -> None:
    """Remove what is left of a campaign, and mark its tombstone as done."""
    await purges.purge_campaign(name, validate_only=False)
    moment = datetime.now(UTC)
    versions = await read_versions(stores.ledger, name.project, name.campaign)
    for version in versions:
        await retry(lambda number=version.number: _empty_version(stores, name, number), name)  # type: ignore[misc]
    await _delete_snapshots(stores, name)
    await _delete_files(stores, versions, moment)
    done = {campaign_tombstone_key(name.campaign): encode(structs.replace(tombstone, done=True))}
    await stores.ledger.commit(Transaction(name.project, puts=done))


async def _find_tombstone(stores: Stores, name: CampaignName) -> CampaignTombstone | None:
    key = campaign_tombstone_key(name.campaign)
    stored = await find_record(stores.ledger, name.project, key, CampaignTombstone)
    return stored.record if stored else None


async def _delete_record(
    stores: Stores, purges: ResourcePurges, name: CampaignName, etag: str, *, validate_only: bool
) -> CampaignTombstone:
    stored = await read_campaign(stores, name)
    check_etag(etag, stored.record.etag, name)
    if stored.record.active:
        raise FailedPrecondition(f"{name} is active; deactivate it first")
    versions = await read_versions(stores.ledger, name.project, name.campaign)
    members = sum(v.element_count + v.negative_count - v.purged_count for v in versions)
    counts = DeletionCounts(members=members)
    counts += await purges.purge_campaign(name, validate_only=True)
    tombstone = CampaignTombstone(deleted_us=now_us(), counts=counts)
    if validate_only:
        return tombstone
    key = campaign_key(name.campaign)
    checks = {key: stored.revision}
    puts = {campaign_tombstone_key(name.campaign): encode(tombstone)}
    listed_key = issue_campaigns_key(stored.record.issue)
    listed = await find_record(stores.ledger, name.project, listed_key, IssueCampaignsRecord)
    if listed is not None:  # the issue may be deleted
        remaining = tuple(id for id in listed.record.campaigns if id != name.campaign)
        checks[listed_key] = listed.revision
        puts[listed_key] = encode(IssueCampaignsRecord(campaigns=remaining))
    adds = {GENERATION: Add(1)}
    await stores.ledger.commit(Transaction(name.project, checks, puts, deletes=[key], adds=adds))
    return tombstone


async def _empty_version(stores: Stores, name: CampaignName, number: int) -> None:
    """Take the model from a version; the digests of its models are former ones."""
    key = version_key(name.campaign, number)
    stored = await find_record(stores.ledger, name.project, key, VersionRecord)
    if stored is None:
        raise NotFound(f"{name}: version {number} has lost its record")
    version = stored.record
    if version.deleted_us:
        return
    former = (*version.former_digests, version.model_digest)
    emptied = structs.replace(
        version,
        model_digest="",
        fit=None,
        former_digests=tuple(digest for digest in former if digest),
        deleted_us=now_us(),
    )
    await stores.ledger.commit(
        Transaction(
            name.project,
            checks={key: stored.revision},
            puts={key: encode(emptied)},
            adds={GENERATION: Add(1)},
        )
    )


async def _delete_snapshots(stores: Stores, name: CampaignName) -> None:
    """Delete all snapshots of a campaign, also those of commits that have crashed."""
    start = f"{element_points.snapshot_tenant_prefix(name.project)}{name.campaign}/"
    for collection in await stores.vectors.collections(name.project):
        if collection.kind is Kind.ELEMENTS:
            for tenant in await stores.vectors.tenants(collection):
                if tenant.startswith(start):
                    await stores.vectors.delete_tenant(collection, tenant)


async def _delete_files(stores: Stores, versions: list[VersionRecord], moment: datetime) -> None:
    """Delete the files that only this campaign named, unless they were put since the moment."""
    referenced = await read_references(stores.ledger)
    digests = {
        digest
        for version in versions
        for digest in (
            version.snapshot_digest,
            version.model_digest,
            version.basis_digest,
            *version.former_digests,
        )
    }
    for digest in digests - {""}:
        if referenced is not None and digest not in referenced:
            await stores.blobs.delete_before(digest, moment)
