"""Checks for blobs that no project references: all projects share one blob store."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from services.campaign.doctor.files import kind_of
from services.campaign.doctor.reading import read_bound_versions
from services.campaign.records import PendingCommitRecord, SpaceRecord
from services.doctor.examination import LEFTOVER_AFTER_US, Examination
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.records.records import decode, prefix, segments
from services.records.scanning import PAGE, list_children, scan_pages
from services.server.keys import PARTITION
from sluice.errors import DataLoss, NotFound


async def examine(examination: Examination) -> ExaminationEvents:
    """Report manifests, bases and models that no version, commit or space references any more.

    A blob is put before it is referenced, and put again before it is referenced again: an
    unreferenced one that nobody has put for an hour is garbage. Blobs that other services write are
    skipped.
    """
    cutoff = datetime.fromtimestamp((examination.started_us - LEFTOVER_AFTER_US) / 1e6, UTC)
    blobs, after, examined = examination.stores.blobs, "", 0
    referenced = await _read_references(examination)
    if referenced is None:
        return
    while page := await blobs.list_before(cutoff, after=after, limit=PAGE):
        after, examined = page[-1], examined + len(page)
        yield ExaminationProgress("files", examined)
        for digest in page:
            if digest in referenced or not (kind := await _read_kind(examination, digest)):
                continue
            referenced = await _read_references(examination)
            if referenced is None:
                return
            if digest in referenced:
                continue
            subject = f"{kind}, blob {digest}"
            finding = Finding(FindingKind.BLOB_UNNAMED, subject, "a record that names it", "none")
            deleted = examination.repair and await blobs.delete_before(digest, cutoff)
            yield finding.mark_repaired(deleted)


async def _read_kind(examination: Examination, digest: str) -> str:
    try:
        content = await examination.stores.blobs.get(digest)
    except (NotFound, DataLoss):
        return ""
    return await asyncio.to_thread(kind_of, content)


async def _read_references(examination: Examination) -> set[str] | None:
    """The digests that any project references; None if a version record is lost.

    A reference moves from a space to a running commit and on to a version: read in this order, no
    blob that is referenced all the time is missed.
    """
    ledger = examination.ledger
    digests: set[str] = set()
    for project in await list_children(ledger, PARTITION, "project"):
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
                digests |= {version.snapshot_digest, version.model_digest, version.basis_digest}
    return digests
