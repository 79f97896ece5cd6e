"""What is of no sample: points in the vector store, documents, and places in the listings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.ingest.context import Ingest
from services.ingest.doctor.reading import Match
from services.ingest.doctor.standstill import standstill
from services.ingest.points import sample_point, tenants_of
from services.ingest.records import Row, RowState, order_keys, row_key
from services.ledger.interface import ABSENT, Conflict, Entry, Ledger, Transaction
from services.records.records import decode, segments
from services.records.scanning import PAGE, scan_pages
from services.vectors.interface import Collection, Kind, Points
from sluice.names import CampaignName, SampleName


async def examine(ingest: Ingest, project: str, *, repair: bool) -> ExaminationEvents:
    """Look for all that is of no sample."""
    async for event in _points(ingest, project, repair=repair):
        yield event
    async for event in _documents(ingest, project, repair=repair):
        yield event
    for listing in ("by-score", "by-version"):
        async for event in _listing(ingest, project, listing, repair=repair):
            yield event


async def _points(ingest: Ingest, project: str, *, repair: bool) -> ExaminationEvents:
    vectors, start, seen = ingest.stores.vectors, tenants_of(project), 0
    for collection in await vectors.collections(project):
        if collection.kind is not Kind.SAMPLES:
            continue
        for tenant in await vectors.tenants(collection):
            if not tenant.startswith(start):
                continue
            campaign, after = CampaignName(project, tenant.removeprefix(start)), None
            while page := await vectors.read_page(collection, tenant, after=after, limit=PAGE):
                seen += len(page)
                yield ExaminationProgress("samples", seen)
                orphans = await _of_no_sample(ingest.stores.ledger, campaign, page)
                gone = repair and await _delete(ingest, collection, tenant, campaign, orphans)
                for point, frame_id in orphans.items():
                    subject = f"{SampleName(project, campaign.campaign, frame_id)}, point {point}"
                    kind = FindingKind.SAMPLE_ORPHAN
                    yield Finding(
                        kind, subject, "a collected match", "a point alone"
                    ).mark_repaired(gone)
                after = page.ids[-1]


async def _of_no_sample(ledger: Ledger, campaign: CampaignName, points: Points) -> dict[UUID, str]:
    """The points, each with its frame id, that no collected row has.

    A match is decided before its point is written: what is in the vector store was collected when
    it was read there, and stays so.
    """
    frames = {
        point: str(payload.get("frame_id", ""))
        for point, payload in zip(points.ids, points.payloads, strict=True)
    }
    rows = await _rows(ledger, campaign.project, [(campaign.campaign, f) for f in frames.values()])
    return {
        point: frame_id
        for point, frame_id in frames.items()
        if point != sample_point(campaign.project, campaign.campaign, frame_id)
        or not _is_collected(rows.get((campaign.campaign, frame_id)))
    }


async def _delete(
    ingest: Ingest,
    collection: Collection,
    tenant: str,
    campaign: CampaignName,
    orphans: Mapping[UUID, str],
) -> bool:
    """Delete points of no sample, while nobody can make samples of them."""
    if not orphans:
        return True
    async with standstill(ingest, campaign.project) as still:
        if still is None:
            return False
        vectors = ingest.stores.vectors
        again = await vectors.retrieve(collection, tenant, list(orphans))
        ids = list(await _of_no_sample(ingest.stores.ledger, campaign, again))
        await vectors.delete(collection, tenant, ids)
        return await still.commit()


async def _documents(ingest: Ingest, project: str, *, repair: bool) -> ExaminationEvents:
    ledger, seen = ingest.stores.ledger, 0
    async for page in scan_pages(ledger, project, "document/"):
        seen += len(page)
        yield ExaminationProgress("documents", seen)
        matches = {entry.key: _match(entry.key) for entry in page}
        rows = await _rows(ledger, project, list(matches.values()))
        for key, match in matches.items():
            if match not in rows:
                subject, kind = str(SampleName(project, *match)), FindingKind.DOCUMENT_ORPHAN
                finding = Finding(kind, subject, "a match", "a document alone")
                gone = repair and await _forget(ledger, project, key, row_key(*match), ABSENT)
                yield finding.mark_repaired(gone)


async def _listing(
    ingest: Ingest, project: str, listing: str, *, repair: bool
) -> ExaminationEvents:
    ledger, seen = ingest.stores.ledger, 0
    async for page in scan_pages(ledger, project, f"{listing}/"):
        seen += len(page)
        yield ExaminationProgress("listings", seen)
        matches = {entry.key: _match(entry.key) for entry in page}
        rows = await _rows(ledger, project, list(matches.values()))
        for key, match in matches.items():
            entry = rows.get(match)
            if not _is_listed(entry, match, key):
                subject, kind = str(SampleName(project, *match)), FindingKind.LISTING_ORPHAN
                finding = Finding(kind, subject, f"a sample, listed {listing}", "a place alone")
                revision = entry.revision if entry else ABSENT
                where = row_key(*match)
                gone = repair and await _forget(ledger, project, key, where, revision)
                yield finding.mark_repaired(gone)


def _match(key: str) -> Match:
    _, campaign, *_, frame_id = segments(key)
    return campaign, frame_id


async def _rows(ledger: Ledger, project: str, matches: Sequence[Match]) -> dict[Match, Entry]:
    keys = {row_key(*match): match for match in matches}
    found = await ledger.get(project, list(keys))
    return {keys[key]: entry for key, entry in found.items()}


def _is_collected(entry: Entry | None) -> bool:
    return entry is not None and decode(Row, entry).state is RowState.COLLECTED


def _is_listed(entry: Entry | None, match: Match, key: str) -> bool:
    if entry is None or not _is_collected(entry):
        return False
    row, (campaign, frame_id) = decode(Row, entry), match
    return key in order_keys(campaign, row.version, row.score, frame_id)


async def _forget(ledger: Ledger, project: str, key: str, row: str, revision: int) -> bool:
    """Delete a key, unless its row has come or changed since it was read."""
    try:
        await ledger.commit(Transaction(project, checks={row: revision}, deletes=[key]))
    except Conflict:
        return False
    return True
