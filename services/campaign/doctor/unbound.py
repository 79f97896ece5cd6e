"""Snapshots of no version: what a commit that died half way has left."""

from __future__ import annotations

from services.campaign import points
from services.campaign.doctor.reading import bound_versions
from services.campaign.records import Making, making_key
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, Finding, FindingKind
from services.ledger.interface import ABSENT, Conflict, Transaction
from services.records.documents import StoredRecord, find_record
from services.records.records import encode, prefix, segments
from services.records.scanning import scan_pages
from services.vectors.interface import Collection, Kind
from sluice.names import CampaignName

Snapshot = tuple[CampaignName, str]
"""A campaign, which may never have come to be, and the digest of a snapshot."""


async def examine(this: Examination) -> ExaminationEvents:
    """Look for snapshots in the vector store, and for commits, of which there is no version."""
    found = await _with_points(this)
    for snapshot in await _begun(this):
        found.setdefault(snapshot, [])
    for snapshot, collections in found.items():
        name, digest = snapshot
        if not await _is_unbound(this, snapshot):
            if this.repair:
                await _forget_commit(this, snapshot)
            continue
        what = "points" if collections else "an unfinished commit"
        finding = Finding(
            FindingKind.SNAPSHOT_UNBOUND, f"{name}, snapshot {digest}", "a version", what
        )
        gone = this.repair and await _remove(this, snapshot, collections)
        yield finding.mark_repaired(gone)


async def _with_points(this: Examination) -> dict[Snapshot, list[Collection]]:
    found: dict[Snapshot, list[Collection]] = {}
    start = points.snapshots_of(this.project)
    for collection in await this.stores.vectors.collections(this.project):
        if collection.kind is not Kind.ELEMENTS:
            continue
        for tenant in await this.stores.vectors.tenants(collection):
            if tenant.startswith(start):
                campaign, _, digest = tenant.removeprefix(start).rpartition("/")
                snapshot = CampaignName(this.project, campaign), digest
                found.setdefault(snapshot, []).append(collection)
    return found


async def _begun(this: Examination) -> list[Snapshot]:
    found: list[Snapshot] = []
    async for page in scan_pages(this.ledger, this.project, prefix("making")):
        for entry in page:
            _, campaign, digest = segments(entry.key)
            found.append((CampaignName(this.project, campaign), digest))
    return found


async def _is_unbound(this: Examination, snapshot: Snapshot) -> bool:
    """Whether nobody has bound a snapshot, nor is about to.

    A commit says that it is under way until it binds: looked for in this order, none is missed.
    """
    making = await _making(this, snapshot)
    if making is not None and this.is_young(making.record.started_us):
        return False
    return not await _is_bound(this, snapshot)


async def _is_bound(this: Examination, snapshot: Snapshot) -> bool:
    """Whether a version has it, or may have: of a version that is lost, all is kept."""
    name, digest = snapshot
    versions = await bound_versions(this.ledger, this.project, name.campaign)
    if versions is None:
        return True
    return any(version.snapshot_digest == digest for version in versions)


async def _making(this: Examination, snapshot: Snapshot) -> StoredRecord[Making] | None:
    name, digest = snapshot
    return await find_record(this.ledger, this.project, making_key(name.campaign, digest), Making)


async def _remove(this: Examination, snapshot: Snapshot, collections: list[Collection]) -> bool:
    """Claim a snapshot, so that no commit can bind it any more, and remove its points.

    Its files are of no version then, and go with all that nobody names.
    """
    name, digest = snapshot
    where = making_key(name.campaign, digest)
    making = await _making(this, snapshot)
    claim = encode(Making(started_us=this.started_us, removing=True))
    checks = {where: making.revision if making else ABSENT}
    if not await _commit(this, Transaction(this.project, checks, {where: claim})):
        return False
    gone = not await _is_bound(this, snapshot)
    if gone:
        for collection in collections:
            tenant = points.snapshot_tenant(name, digest)
            await this.stores.vectors.delete_tenant(collection, tenant)
    return await _commit(this, Transaction(this.project, deletes=[where])) and gone


async def _forget_commit(this: Examination, snapshot: Snapshot) -> None:
    """A commit that died over a snapshot that some version has: only its record is left."""
    making = await _making(this, snapshot)
    if making is not None and not this.is_young(making.record.started_us):
        where = making_key(snapshot[0].campaign, snapshot[1])
        checks = {where: making.revision}
        await _commit(this, Transaction(this.project, checks, deletes=[where]))


async def _commit(this: Examination, transaction: Transaction) -> bool:
    try:
        await this.ledger.commit(transaction)
    except Conflict:
        return False
    return True
