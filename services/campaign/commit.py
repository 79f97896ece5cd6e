"""Committing a version: writing its snapshot and scoring model, and binding both to the campaign.

Everything is written before anything references it; the transaction at the end makes it a version.
A commit that crashes before it leaves the campaign unchanged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from uuid import uuid4

from services.campaign.campaigns import CampaignTerms, read_campaign
from services.campaign.deleted_frames import TOMBSTONES
from services.campaign.feedback import add_feedback, drop_deleted
from services.campaign.issues import read_issue_campaigns
from services.campaign.pending_commits import announce_commit
from services.campaign.projects import get_project
from services.campaign.records import (
    GENERATION,
    CampaignRecord,
    IssueCampaignsRecord,
    VersionRecord,
    campaign_key,
    issue_campaigns_key,
    revise,
    version_key,
)
from services.campaign.snapshot_models import record_fit
from services.campaign.snapshot_purge import delete_unbound_points
from services.campaign.snapshots import SnapshotContent, read_content, write_snapshot
from services.ledger.interface import ABSENT, Add, Conflict, Transaction
from services.peers.reviews import Reviews
from services.records.blobs import read_blob
from services.records.documents import check_etag, retry
from services.records.idempotency import IdempotentRequest, commit_once, find_response
from services.records.records import encode, now_us
from services.records.stores import Stores
from sluice.errors import Aborted, InvalidArgument
from sluice.names import CampaignName, IssueName, ProjectName
from sluice.scoring import Basis, ElementId, ScoringModel, build_model


async def create_campaign(
    stores: Stores,
    request: IdempotentRequest,
    project: ProjectName,
    issue: IssueName,
    terms: CampaignTerms,
) -> CampaignRecord:
    """Start an active campaign of an issue; version 1 is the issue as it is now.

    Raises FailedPrecondition if the issue has no elements.
    """
    terms.check()
    if issue.project != project.project:
        raise InvalidArgument.of("campaign.issue", f"{str(issue)!r} is not of {project}")
    await get_project(stores, project)
    if response := await find_response(stores.ledger, project.project, request, CampaignRecord):
        return response
    name = CampaignName(project.project, str(uuid4()))
    deletions = await TOMBSTONES.read(stores.ledger, name.project, [])
    content = await read_content(stores, issue)
    unbound = await _write_version(stores, name, content, number=1)
    unbound = replace(unbound, deletion_checks=deletions.checks)
    version = unbound.version
    campaign = CampaignRecord(
        id=name.campaign,
        display_name=terms.display_name or content.issue.display_name,
        issue=issue.issue,
        active=True,
        threshold=terms.threshold,
        budget=terms.budget,
        version=version,
        created_us=version.created_us,
        updated_us=version.created_us,
    )
    written = _WrittenSnapshot(name, version, content, deletions.checks)

    async def attempt() -> CampaignRecord:
        try:
            return await _bind_first(stores, request, issue, campaign, unbound)
        except Conflict as conflict:
            await written.check_deletions(stores, conflict)
            raise

    return await retry(attempt, issue)


async def commit_version(
    stores: Stores,
    request: IdempotentRequest,
    name: CampaignName,
    etag: str,
    reviews: Reviews | None = None,
) -> VersionRecord:
    """Commit the issue as it is now as the campaign's next version.

    With `reviews`, the reviewed samples of the campaign are taken in. Raises Aborted if the etag is
    not the current one or another call changes the campaign, FailedPrecondition if the issue has
    no elements, ResourceExhausted if elements and samples exceed their limits, and Unavailable
    while reviews cannot be read.
    """
    if response := await find_response(stores.ledger, name.project, request, VersionRecord):
        return response
    stored = await read_campaign(stores, name)
    check_etag(etag, stored.record.etag, name)
    deletions = await TOMBSTONES.read(stores.ledger, name.project, [])
    content = await read_content(stores, IssueName(name.project, stored.record.issue))
    if reviews is not None:
        content = await add_feedback(content, name, reviews)
        content = await drop_deleted(stores, name, content)
    number = stored.record.version.number + 1
    unbound = await _write_version(stores, name, content, number)
    campaign = revise(stored.record, version=unbound.version)
    binding = Transaction(
        name.project,
        checks={
            campaign_key(name.campaign): stored.revision,
            **unbound.checks,
            **deletions.checks,
        },
        puts=_binding_puts(campaign),
        deletes=unbound.checks,
        adds={GENERATION: Add(1)} if campaign.active else {},
    )
    try:
        return await commit_once(stores.ledger, binding, request, unbound.version)
    except Conflict as conflict:
        written = _WrittenSnapshot(name, unbound.version, content, deletions.checks)
        await written.check_deletions(stores, conflict)
        raise Aborted(
            f"{name} was changed by another call during the commit of version {number}: "
            "read it again and retry"
        ) from conflict


async def _bind_first(
    stores: Stores,
    request: IdempotentRequest,
    issue: IssueName,
    campaign: CampaignRecord,
    unbound: _UnboundVersion,
) -> CampaignRecord:
    stored = await read_issue_campaigns(stores, issue)
    key = issue_campaigns_key(issue.issue)
    campaigns = IssueCampaignsRecord(campaigns=(*stored.record.campaigns, campaign.id))
    # The list is deleted with its issue, so this check also detects that deletion.
    binding = Transaction(
        issue.project,
        checks={
            key: stored.revision,
            campaign_key(campaign.id): ABSENT,
            **unbound.checks,
            **unbound.deletion_checks,
        },
        puts=_binding_puts(campaign) | {key: encode(campaigns)},
        deletes=unbound.checks,
        adds={GENERATION: Add(1)},
    )
    return await commit_once(stores.ledger, binding, request, campaign)


def _binding_puts(campaign: CampaignRecord) -> dict[str, bytes]:
    """The puts that bind the newest version of a campaign."""
    return {
        campaign_key(campaign.id): encode(campaign),
        version_key(campaign.id, campaign.version.number): encode(campaign.version),
    }


@dataclass(frozen=True, slots=True)
class _UnboundVersion:
    """A version that is written but not bound; binding must check and delete these keys."""

    version: VersionRecord
    checks: Mapping[str, int]
    deletion_checks: Mapping[str, int] = field(default_factory=dict)
    """The check that no frame was deleted since the content was read."""


@dataclass(frozen=True, slots=True)
class _WrittenSnapshot:
    """A snapshot whose points are written, for a version that cannot be bound."""

    name: CampaignName
    version: VersionRecord
    content: SnapshotContent
    deletion_checks: Mapping[str, int]
    """The check that no frame was deleted since the content was read."""

    async def check_deletions(self, stores: Stores, conflict: Conflict) -> None:
        """Raise Aborted if frames were deleted during the commit, without leaving their points."""
        deletions = await TOMBSTONES.read(stores.ledger, self.name.project, [])
        if deletions.checks == self.deletion_checks:
            return
        await delete_unbound_points(stores, self.name, self.version, self.content.manifest)
        raise Aborted(
            f"{self.name}: frames were deleted during the commit of version "
            f"{self.version.number}: try again"
        ) from conflict


async def _write_version(
    stores: Stores, name: CampaignName, content: SnapshotContent, number: int
) -> _UnboundVersion:
    issue = content.issue
    manifest = content.manifest.to_bytes()
    pending = await announce_commit(stores, name, sha256(manifest).hexdigest(), issue)
    snapshot_digest = await write_snapshot(stores, name, content, manifest)
    basis = await _read_basis(stores, pending.basis_digest)
    model = await asyncio.to_thread(_build_model, content, basis)
    version = VersionRecord(
        number=number,
        snapshot_digest=snapshot_digest,
        model_digest=await stores.blobs.put(await asyncio.to_thread(model.to_bytes)),
        basis_digest=pending.basis_digest,
        model_id=issue.model_id,
        dimension=issue.dimension,
        element_count=len(content.elements.entries) + len(content.accepted.entries),
        cluster_count=len(model.centroids),
        diverse=model.diverse,
        issue_edits=issue.edits,
        created_us=now_us(),
        accepted_count=len(content.accepted.entries),
        negative_count=len(content.negatives.entries),
        fit=record_fit(model),
    )
    return _UnboundVersion(version, pending.checks)


async def _read_basis(stores: Stores, digest: str) -> Basis | None:
    if not digest:
        return None
    return await asyncio.to_thread(Basis.from_bytes, await read_blob(stores.blobs, digest))


def _build_model(content: SnapshotContent, basis: Basis | None) -> ScoringModel:
    positives, negatives = content.positives, content.negatives
    ids = [ElementId(entry.frame_id, entry.label_id) for entry in positives.entries]
    vectors = negatives.vectors if negatives.entries else None
    return build_model(positives.vectors, ids, basis, vectors)
