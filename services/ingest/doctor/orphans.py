"""Points, documents and listing entries without a sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.doctor.examination import LEFTOVER_AFTER_US
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.ingest.context import Ingest
from services.ingest.doctor.reading import Match
from services.ingest.points import sample_point, tenant_prefix
from services.ingest.projector_pause import pause_projector
from services.ingest.records import PurgedCampaign, Row, order_keys, purged_campaign_key, row_key
from services.ledger.interface import ABSENT, Conflict, Entry, Ledger, Transaction
from services.records.records import decode, segments
from services.records.scanning import PAGE, scan_pages
from services.vectors.interface import Collection, Kind, Points
from sluice.names import CampaignName, SampleName


async def examine(ingest: Ingest, project: str, *, repair: bool) -> ExaminationEvents:
    """Find points, documents and listing entries without a sample."""
    async for event in _examine_points(ingest, project, repair=repair):
        yield event
    async for event in _examine_documents(ingest, project, repair=repair):
        yield event
    for listing in ("by-score", "by-version"):
        async for event in _examine_listing(ingest, project, listing, repair=repair):
            yield event


async def _examine_points(ingest: Ingest, project: str, *, repair: bool) -> ExaminationEvents:
    vectors, prefix, examined = ingest.stores.vectors, tenant_prefix(project), 0
    for collection in await vectors.collections(project):
        if collection.kind is not Kind.SAMPLES:
            continue
        for tenant in await vectors.tenants(collection):
            if not tenant.startswith(prefix):
                continue
            campaign, after = CampaignName(project, tenant.removeprefix(prefix)), None
            if await _is_being_purged(ingest, campaign):
                continue
            while page := await vectors.read_page(collection, tenant, after=after, limit=PAGE):
                examined += len(page)
                yield ExaminationProgress("samples", examined)
                orphans = await _find_orphans(ingest, campaign, page)
                deleted = repair and await _delete_points(
                    ingest, collection, tenant, campaign, orphans
                )
                for point, frame_id in orphans.items():
                    subject = f"{SampleName(project, campaign.campaign, frame_id)}, point {point}"
                    kind = FindingKind.SAMPLE_ORPHAN
                    yield Finding(
                        kind, subject, "a collected match", "a point without a match"
                    ).mark_repaired(deleted)
                after = page.ids[-1]


async def _find_orphans(ingest: Ingest, campaign: CampaignName, points: Points) -> dict[UUID, str]:
    """The points without a collected row, with their frame ids.

    A match is decided before its point is written, and a decision is final: a sample that is in
    the vector store has a collected row. A row that was purged within the hour may have its point
    deleted at this moment.
    """
    frames = {
        point: str(payload.get("frame_id", ""))
        for point, payload in zip(points.ids, points.payloads, strict=True)
    }
    matches = [(campaign.campaign, frame_id) for frame_id in frames.values()]
    rows = await _read_rows(ingest.stores.ledger, campaign.project, matches)
    since_us = ingest.now_us() - LEFTOVER_AFTER_US
    return {
        point: frame_id
        for point, frame_id in frames.items()
        if point != sample_point(campaign.project, campaign.campaign, frame_id)
        or not _may_have_point(rows.get((campaign.campaign, frame_id)), since_us)
    }


async def _is_being_purged(ingest: Ingest, campaign: CampaignName) -> bool:
    """Whether a campaign was purged within the hour: its points may be deleted at this moment."""
    key = purged_campaign_key(campaign.campaign)
    entry = (await ingest.stores.ledger.get(campaign.project, [key])).get(key)
    since_us = ingest.now_us() - LEFTOVER_AFTER_US
    return entry is not None and decode(PurgedCampaign, entry).purged_us > since_us


def _may_have_point(entry: Entry | None, since_us: int) -> bool:
    """Whether a row is a sample, or was purged since then."""
    return entry is not None and (_is_sample(entry) or decode(Row, entry).purged_us > since_us)


async def _delete_points(
    ingest: Ingest,
    collection: Collection,
    tenant: str,
    campaign: CampaignName,
    orphans: Mapping[UUID, str],
) -> bool:
    """Delete points without a sample, while the projector cannot turn them into samples."""
    if not orphans:
        return True
    async with pause_projector(ingest, campaign.project) as pause:
        if pause is None:
            return False
        vectors = ingest.stores.vectors
        points = await vectors.retrieve(collection, tenant, list(orphans))
        ids = list(await _find_orphans(ingest, campaign, points))
        await vectors.delete(collection, tenant, ids)
        return await pause.commit()


async def _examine_documents(ingest: Ingest, project: str, *, repair: bool) -> ExaminationEvents:
    ledger, examined = ingest.stores.ledger, 0
    async for page in scan_pages(ledger, project, "document/"):
        examined += len(page)
        yield ExaminationProgress("documents", examined)
        matches = {entry.key: _match_of(entry.key) for entry in page}
        rows = await _read_rows(ledger, project, list(matches.values()))
        for key, match in matches.items():
            if match not in rows:
                subject, kind = str(SampleName(project, *match)), FindingKind.DOCUMENT_ORPHAN
                finding = Finding(kind, subject, "a match", "a document without a match")
                deleted = repair and await _delete_key(ledger, project, key, match, ABSENT)
                yield finding.mark_repaired(deleted)


async def _examine_listing(
    ingest: Ingest, project: str, listing: str, *, repair: bool
) -> ExaminationEvents:
    ledger, examined = ingest.stores.ledger, 0
    async for page in scan_pages(ledger, project, f"{listing}/"):
        examined += len(page)
        yield ExaminationProgress("listings", examined)
        matches = {entry.key: _match_of(entry.key) for entry in page}
        rows = await _read_rows(ledger, project, list(matches.values()))
        for key, match in matches.items():
            row = rows.get(match)
            if not _is_listed(row, match, key):
                subject, kind = str(SampleName(project, *match)), FindingKind.LISTING_ORPHAN
                finding = Finding(
                    kind, subject, f"a sample, listed {listing}", "a listing entry without a sample"
                )
                revision = row.revision if row else ABSENT
                deleted = repair and await _delete_key(ledger, project, key, match, revision)
                yield finding.mark_repaired(deleted)


def _match_of(key: str) -> Match:
    """The match that a document or a listing entry belongs to."""
    _, campaign, *_, frame_id = segments(key)
    return campaign, frame_id


async def _read_rows(ledger: Ledger, project: str, matches: Sequence[Match]) -> dict[Match, Entry]:
    keys = {row_key(*match): match for match in matches}
    rows = await ledger.get(project, list(keys))
    return {keys[key]: entry for key, entry in rows.items()}


def _is_sample(entry: Entry | None) -> bool:
    return entry is not None and decode(Row, entry).is_sample


def _is_listed(entry: Entry | None, match: Match, key: str) -> bool:
    """Whether a match, given its row, is listed under a key."""
    if entry is None:
        return False
    row, (campaign, frame_id) = decode(Row, entry), match
    if row.purged_us:  # since the entry was read, together with the entry
        return True
    if not row.is_sample:
        return False
    return key in order_keys(campaign, row.version, row.score, frame_id)


async def _delete_key(
    ledger: Ledger, project: str, key: str, match: Match, row_revision: int
) -> bool:
    """Delete a key unless the row of its match has changed since it was read."""
    checks = {row_key(*match): row_revision}
    try:
        await ledger.commit(Transaction(project, checks=checks, deletes=[key]))
    except Conflict:
        return False
    return True
