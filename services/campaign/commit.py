"""Committing a version: a snapshot of the issue, a scoring model of it, and their binding.

All is written under names that nobody knows yet; the one transaction at the end makes it a
version. A commit that dies before leaves the campaign as it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from uuid import uuid4

from services.campaign.campaigns import Terms, read_campaign
from services.campaign.feedback import with_feedback
from services.campaign.issues import read_campaigns_of
from services.campaign.making import begin
from services.campaign.projects import get_project
from services.campaign.records import (
    GENERATION,
    Campaign,
    IssueCampaigns,
    Version,
    campaign_key,
    changed,
    issue_campaigns_key,
    version_key,
)
from services.campaign.snapshots import Content, read_content, write_snapshot
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
    stores: Stores, request: IdempotentRequest, project: ProjectName, issue: IssueName, terms: Terms
) -> Campaign:
    """Start a campaign of an issue, active, with the issue as it is now as version 1.

    Raises FailedPrecondition when the issue has no element.
    """
    terms.check()
    if issue.project != project.project:
        raise InvalidArgument.of("campaign.issue", f"{str(issue)!r} is not of {project}")
    await get_project(stores, project)
    if first := await find_response(stores.ledger, project.project, request, Campaign):
        return first
    name = CampaignName(project.project, str(uuid4()))
    content = await read_content(stores, issue)
    made = await _make_version(stores, name, content, number=1)
    version = made.version
    campaign = Campaign(
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
    return await retry(lambda: _bind_first(stores, request, issue, campaign, made), issue)


async def commit_version(
    stores: Stores,
    request: IdempotentRequest,
    name: CampaignName,
    etag: str,
    reviews: Reviews | None = None,
) -> Version:
    """Snapshot the issue as it is now as the campaign's next version.

    With `reviews`, what was said of the campaign's samples goes into it. Raises Aborted when the
    campaign has not that etag any more, or changes meanwhile, FailedPrecondition when the issue
    has no element, ResourceExhausted when it and the samples are too much, and Unavailable while
    reviews cannot be read.
    """
    if first := await find_response(stores.ledger, name.project, request, Version):
        return first
    before = await read_campaign(stores, name)
    check_etag(etag, before.record.etag, name)
    content = await read_content(stores, IssueName(name.project, before.record.issue))
    if reviews is not None:
        content = await with_feedback(content, name, reviews)
    number = before.record.version.number + 1
    made = await _make_version(stores, name, content, number)
    version = made.version
    now = changed(before.record, version=version)
    binding = Transaction(
        name.project,
        checks={campaign_key(name.campaign): before.revision, **made.checks},
        puts=_puts(now),
        deletes=made.checks,
        adds={GENERATION: Add(1)} if now.active else {},
    )
    try:
        return await commit_once(stores.ledger, binding, request, version)
    except Conflict as conflict:
        raise Aborted(
            f"{name} was changed by somebody else while version {number} was made: read it again"
        ) from conflict


async def _bind_first(
    stores: Stores, request: IdempotentRequest, issue: IssueName, campaign: Campaign, made: _Made
) -> Campaign:
    listed = await read_campaigns_of(stores, issue)
    where = issue_campaigns_key(issue.issue)
    campaigns = IssueCampaigns(campaigns=(*listed.record.campaigns, campaign.id))
    # The list goes with its issue, so this check also finds an issue that was deleted meanwhile.
    binding = Transaction(
        issue.project,
        checks={where: listed.revision, campaign_key(campaign.id): ABSENT, **made.checks},
        puts=_puts(campaign) | {where: encode(campaigns)},
        deletes=made.checks,
        adds={GENERATION: Add(1)},
    )
    return await commit_once(stores.ledger, binding, request, campaign)


def _puts(campaign: Campaign) -> dict[str, bytes]:
    """What binds the newest version of a campaign."""
    return {
        campaign_key(campaign.id): encode(campaign),
        version_key(campaign.id, campaign.version.number): encode(campaign.version),
    }


@dataclass(frozen=True, slots=True)
class _Made:
    """A version that is written but not bound; binding it must check and delete these keys."""

    version: Version
    checks: Mapping[str, int]


async def _make_version(stores: Stores, name: CampaignName, content: Content, number: int) -> _Made:
    issue = content.issue
    manifest = content.manifest.to_bytes()
    begun = await begin(stores, name, sha256(manifest).hexdigest(), issue)
    snapshot_digest = await write_snapshot(stores, name, content, manifest)
    basis = None
    if begun.basis_digest:
        data = await read_blob(stores.blobs, begun.basis_digest)
        basis = await asyncio.to_thread(Basis.from_bytes, data)
    model = await asyncio.to_thread(_model_of, content, basis)
    version = Version(
        number=number,
        snapshot_digest=snapshot_digest,
        model_digest=await stores.blobs.put(await asyncio.to_thread(model.to_bytes)),
        basis_digest=begun.basis_digest,
        model_id=issue.model_id,
        dimension=issue.dimension,
        element_count=len(content.elements.entries) + len(content.accepted.entries),
        cluster_count=len(model.centroids),
        diverse=model.diverse,
        issue_edits=issue.edits,
        created_us=now_us(),
        accepted_count=len(content.accepted.entries),
        negative_count=len(content.negatives.entries),
    )
    return _Made(version, begun.checks)


def _model_of(content: Content, basis: Basis | None) -> ScoringModel:
    positives, negatives = content.positives, content.negatives
    ids = [ElementId(entry.frame_id, entry.label_id) for entry in positives.entries]
    vectors = negatives.vectors if negatives.entries else None
    return build_model(positives.vectors, ids, basis, vectors)
