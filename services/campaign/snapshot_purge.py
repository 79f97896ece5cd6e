"""Removing deleted frames from snapshots and scoring models; see docs/adr/0025-deletion.md.

A version keeps its snapshot's digest and its counts, and lists the purged frames. Its model is
built again from the other members.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from msgspec import structs

from services.campaign import element_points
from services.campaign.blob_references import read_references, read_versions
from services.campaign.deleted_frames import TOMBSTONES
from services.campaign.manifest import Manifest, ManifestLine, read_manifest, to_entry
from services.campaign.records import (
    GENERATION,
    CampaignRecord,
    VersionRecord,
    campaign_key,
    campaign_tombstone_key,
    revise,
    version_key,
)
from services.campaign.snapshot_models import build_snapshot_model, read_member_vectors, record_fit
from services.ledger.interface import Add, Transaction
from services.records.blobs import read_blob
from services.records.documents import find_record, retry
from services.records.records import encode, now_us
from services.records.scanning import list_children
from services.records.stores import Stores
from services.vectors.interface import Collection as VectorCollection
from services.vectors.interface import Kind
from sluice.errors import DataLoss
from sluice.names import CampaignName, ProjectName, VersionName
from sluice.scoring import Basis, ScoringModel


async def count_members(
    stores: Stores, name: ProjectName, frame_ids: Sequence[str]
) -> dict[str, int]:
    """How many members of snapshots each frame has, in all versions that were not purged of it."""
    counts = dict.fromkeys(frame_ids, 0)
    for campaign in await _list_campaigns(stores, name):
        for version in await _read_versions(stores, campaign):
            manifest = await read_manifest(stores, version.snapshot_digest)
            for frame_id, _, _ in manifest.without(version.purged).of(counts.keys()):
                counts[frame_id] += 1
    return counts


async def purge_snapshots(stores: Stores, name: ProjectName, frame_ids: frozenset[str]) -> None:
    """Remove frames from all versions of a project, with their points and models.

    Raises DataLoss for a version with a lost manifest.
    """
    moment = datetime.now(UTC)
    former: set[str] = set()
    for campaign in await _list_campaigns(stores, name):
        for version in await _read_versions(stores, campaign):
            version_name = VersionName(name.project, campaign.campaign, str(version.number))
            purged = await _purge_version(stores, version_name, version.number, frame_ids)
            if not frame_ids.isdisjoint(purged.purged):
                former.update(purged.former_digests)
    await _delete_points(stores, name, frame_ids)
    await _delete_files(stores, former, moment)


async def delete_unbound_points(
    stores: Stores, name: CampaignName, version: VersionRecord, manifest: Manifest
) -> None:
    """Delete the points of deleted frames from a snapshot that could not be bound."""
    frame_ids = {frame_id for (frame_id, _, _), _ in manifest.members}
    deletions = await TOMBSTONES.read(stores.ledger, name.project, frame_ids)
    collection = element_points.collection_for(name.project, version)
    lines = manifest.of(deletions.deleted)
    await _delete_lines(stores, name, version.snapshot_digest, collection, lines)


async def _list_campaigns(stores: Stores, name: ProjectName) -> list[CampaignName]:
    children = await list_children(stores.ledger, name.project, "version")
    return [CampaignName(name.project, campaign) for campaign in children]


async def _read_versions(stores: Stores, name: CampaignName) -> list[VersionRecord]:
    """The versions of a campaign; none of a campaign that is deleted or being deleted."""
    tombstone = campaign_tombstone_key(name.campaign)
    if await stores.ledger.get(name.project, [tombstone]):
        return []
    return await read_versions(stores.ledger, name.project, name.campaign)


async def _purge_version(
    stores: Stores, name: VersionName, number: int, frame_ids: Collection[str]
) -> VersionRecord:
    """Build the model of a version again without the frames, if it has any; the version."""
    ledger, project = stores.ledger, name.project
    keys = version_key(name.campaign, number), campaign_key(name.campaign)

    async def attempt() -> VersionRecord:
        stored = await find_record(ledger, project, keys[0], VersionRecord)
        if stored is None:
            raise DataLoss(f"{name} has lost its record")
        campaign = await find_record(ledger, project, keys[1], CampaignRecord)
        version = stored.record
        manifest = await read_manifest(stores, version.snapshot_digest)
        if not manifest.without(version.purged).of(frame_ids):
            return version
        purged = await _build_purged(stores, name, version, manifest, frame_ids)
        checks, puts = {keys[0]: stored.revision}, {keys[0]: encode(purged)}
        if campaign is not None:
            checks[keys[1]] = campaign.revision
            if campaign.record.version.number == number:
                active = campaign.record.active and bool(purged.model_digest)
                puts[keys[1]] = encode(revise(campaign.record, version=purged, active=active))
        # Inactive campaigns too: late batches are judged by their versions.
        adds = {GENERATION: Add(1)}
        await ledger.commit(Transaction(project, checks, puts, adds=adds))
        return purged

    return await retry(attempt, name)


async def _build_purged(
    stores: Stores,
    name: VersionName,
    version: VersionRecord,
    manifest: Manifest,
    frame_ids: Collection[str],
) -> VersionRecord:
    """The version without the frames; its new model is stored."""
    campaign = CampaignName(name.project, name.campaign)
    members = {frame_id for frame_id, _, _ in manifest.of(frame_ids)}
    frames = tuple(sorted({*version.purged, *members}))
    model = await _build_model(stores, campaign, version, manifest.without(frames))
    digest = await stores.blobs.put(model.to_bytes()) if model else ""
    former = (*version.former_digests, version.model_digest)
    return structs.replace(
        version,
        model_digest=digest,
        cluster_count=len(model.centroids) if model else 0,
        diverse=model.diverse if model else False,
        fit=record_fit(model) if model else None,
        purged=frames,
        purged_count=len(manifest.of(frames)),
        purged_us=now_us(),
        # The same model again: equal elements share a row.
        former_digests=tuple(d for d in former if d and d != digest),
    )


async def _build_model(
    stores: Stores, name: CampaignName, version: VersionRecord, manifest: Manifest
) -> ScoringModel | None:
    if not manifest.positives:
        return None
    vectors = await read_member_vectors(stores, name, version, manifest)
    if not vectors.any(axis=1).all():
        raise DataLoss(f"{name}: version {version.number} has lost points; run sluice doctor first")
    basis = None
    if version.basis_digest:
        content = await read_blob(stores.blobs, version.basis_digest)
        basis = await asyncio.to_thread(Basis.from_bytes, content)
    return await asyncio.to_thread(build_snapshot_model, manifest, vectors, basis)


async def _delete_points(stores: Stores, name: ProjectName, frame_ids: Collection[str]) -> None:
    """Delete the points of frames from all snapshots, also those of commits that have crashed."""
    start = element_points.snapshot_tenant_prefix(name.project)
    for collection in await stores.vectors.collections(name.project):
        if collection.kind is not Kind.ELEMENTS:
            continue
        for tenant in await stores.vectors.tenants(collection):
            if tenant.startswith(start):
                campaign, _, digest = tenant.removeprefix(start).rpartition("/")
                if await stores.ledger.get(name.project, [campaign_tombstone_key(campaign)]):
                    await stores.vectors.delete_tenant(collection, tenant)
                    continue
                lines = (await read_manifest(stores, digest)).of(frame_ids)
                campaign_name = CampaignName(name.project, campaign)
                await _delete_lines(stores, campaign_name, digest, collection, lines)


async def _delete_lines(
    stores: Stores,
    name: CampaignName,
    digest: str,
    collection: VectorCollection,
    lines: Sequence[ManifestLine],
) -> None:
    """Delete the points of some lines of a snapshot's manifest."""
    if lines:
        points = [element_points.snapshot_point(name, digest, to_entry(line)) for line in lines]
        tenant = element_points.snapshot_tenant(name, digest)
        await stores.vectors.delete(collection, tenant, points)


async def _delete_files(stores: Stores, digests: Collection[str], moment: datetime) -> None:
    """Delete the models of purged versions that nothing references, unless put since the moment."""
    if not digests:
        return
    referenced = await read_references(stores.ledger)
    for digest in digests:
        if referenced is not None and digest not in referenced:
            await stores.blobs.delete_before(digest, moment)
