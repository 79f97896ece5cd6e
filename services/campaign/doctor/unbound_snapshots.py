"""Checks for snapshots that no version references: leftovers of crashed commits."""

from __future__ import annotations

from services.campaign import element_points
from services.campaign.blob_references import read_bound_versions
from services.campaign.records import PendingCommitRecord, pending_commit_key
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, Finding, FindingKind
from services.ledger.interface import ABSENT, Conflict, Transaction
from services.records.documents import StoredRecord, find_record
from services.records.records import encode, prefix, segments
from services.records.scanning import scan_pages
from services.vectors.interface import Collection, Kind
from sluice.names import CampaignName

SnapshotName = tuple[CampaignName, str]
"""A campaign, which may never have been created, and the digest of a snapshot."""


async def examine(examination: Examination) -> ExaminationEvents:
    """Report snapshots in the vector store, and commit records, without a version."""
    collections_of = await _list_stored(examination)
    for snapshot in await _list_pending(examination):
        collections_of.setdefault(snapshot, [])
    for snapshot, collections in collections_of.items():
        name, digest = snapshot
        if not await _is_unbound(examination, snapshot):
            if examination.repair:
                await _delete_stale_record(examination, snapshot)
            continue
        finding = Finding(
            FindingKind.SNAPSHOT_UNBOUND,
            f"{name}, snapshot {digest}",
            "a version",
            "points" if collections else "an unfinished commit",
        )
        removed = examination.repair and await _remove(examination, snapshot, collections)
        yield finding.mark_repaired(removed)


async def _list_stored(examination: Examination) -> dict[SnapshotName, list[Collection]]:
    """The snapshots that have points, with the collections that hold them."""
    snapshots: dict[SnapshotName, list[Collection]] = {}
    start = element_points.snapshot_tenant_prefix(examination.project)
    for collection in await examination.stores.vectors.collections(examination.project):
        if collection.kind is not Kind.ELEMENTS:
            continue
        for tenant in await examination.stores.vectors.tenants(collection):
            if tenant.startswith(start):
                campaign, _, digest = tenant.removeprefix(start).rpartition("/")
                snapshot = CampaignName(examination.project, campaign), digest
                snapshots.setdefault(snapshot, []).append(collection)
    return snapshots


async def _list_pending(examination: Examination) -> list[SnapshotName]:
    """The snapshots of commits that are running or have crashed."""
    snapshots: list[SnapshotName] = []
    async for page in scan_pages(examination.ledger, examination.project, prefix("making")):
        for entry in page:
            _, campaign, digest = segments(entry.key)
            snapshots.append((CampaignName(examination.project, campaign), digest))
    return snapshots


async def _is_unbound(examination: Examination, snapshot: SnapshotName) -> bool:
    """Whether no version references a snapshot, and no running commit is about to bind it.

    A commit keeps its record until it binds its version: checked in this order, none is missed.
    """
    pending = await _find_pending(examination, snapshot)
    if pending is not None and examination.is_young(pending.record.started_us):
        return False
    return not await _is_bound(examination, snapshot)


async def _is_bound(examination: Examination, snapshot: SnapshotName) -> bool:
    """Whether a version references a snapshot, or a lost version record may have."""
    name, digest = snapshot
    versions = await read_bound_versions(examination.ledger, examination.project, name.campaign)
    if versions is None:
        return True
    # The snapshots of a deleted campaign may be deleted at this moment.
    return any(
        version.snapshot_digest == digest
        and (not version.deleted_us or examination.is_young(version.deleted_us))
        for version in versions
    )


async def _find_pending(
    examination: Examination, snapshot: SnapshotName
) -> StoredRecord[PendingCommitRecord] | None:
    name, digest = snapshot
    key = pending_commit_key(name.campaign, digest)
    return await find_record(examination.ledger, examination.project, key, PendingCommitRecord)


async def _remove(
    examination: Examination, snapshot: SnapshotName, collections: list[Collection]
) -> bool:
    """Claim a snapshot, so that no commit can bind it any more, and delete its points.

    Its files are unreferenced then, and removed with all such blobs.
    """
    name, digest = snapshot
    key = pending_commit_key(name.campaign, digest)
    pending = await _find_pending(examination, snapshot)
    claim = encode(PendingCommitRecord(started_us=examination.started_us, removing=True))
    checks = {key: pending.revision if pending else ABSENT}
    if not await _commit(examination, Transaction(examination.project, checks, {key: claim})):
        return False
    removable = not await _is_bound(examination, snapshot)
    if removable:
        tenant = element_points.snapshot_tenant(name, digest)
        for collection in collections:
            await examination.stores.vectors.delete_tenant(collection, tenant)
    released = await _commit(examination, Transaction(examination.project, deletes=[key]))
    return released and removable


async def _delete_stale_record(examination: Examination, snapshot: SnapshotName) -> None:
    """Delete the record of a crashed commit, if another one has bound the same snapshot."""
    pending = await _find_pending(examination, snapshot)
    if pending is not None and not examination.is_young(pending.record.started_us):
        name, digest = snapshot
        key = pending_commit_key(name.campaign, digest)
        checks = {key: pending.revision}
        await _commit(examination, Transaction(examination.project, checks, deletes=[key]))


async def _commit(examination: Examination, transaction: Transaction) -> bool:
    try:
        await examination.ledger.commit(transaction)
    except Conflict:
        return False
    return True
