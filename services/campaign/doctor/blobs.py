"""Checks for blobs that no project references: all projects share one blob store."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from services.campaign.blob_references import read_references
from services.campaign.doctor.files import kind_of
from services.doctor.examination import LEFTOVER_AFTER_US, Examination
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.records.scanning import PAGE
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
            finding = Finding(
                FindingKind.BLOB_UNNAMED, subject, "a record that references it", "none"
            )
            deleted = examination.repair and await blobs.delete_before(digest, cutoff)
            yield finding.mark_repaired(deleted)


async def _read_kind(examination: Examination, digest: str) -> str:
    try:
        content = await examination.stores.blobs.get(digest)
    except (NotFound, DataLoss):
        return ""
    return await asyncio.to_thread(kind_of, content)


async def _read_references(examination: Examination) -> set[str] | None:
    since_us = examination.started_us - LEFTOVER_AFTER_US
    return await read_references(examination.ledger, former_since_us=since_us)
