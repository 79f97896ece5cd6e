"""Files that nothing names in any project: all projects share one blob store."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from services.campaign.doctor.files import kind_of
from services.campaign.doctor.reading import bound_versions
from services.campaign.records import Making, Space
from services.doctor.examination import LEFTOVER_AFTER_US, Examination
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.records.records import decode, prefix, segments
from services.records.scanning import PAGE, list_children, scan_pages
from services.server.keys import PARTITION
from sluice.errors import DataLoss, NotFound


async def examine(this: Examination) -> ExaminationEvents:
    """Look for files that a version, a commit or a space once named, and nothing does any more.

    A file is put before it is named, and put again when it is to be named again: what nobody has
    put for an hour and nothing names is garbage. What no campaign service writes is not ours.
    """
    moment = datetime.fromtimestamp((this.started_us - LEFTOVER_AFTER_US) / 1e6, UTC)
    blobs, after, seen = this.stores.blobs, "", 0
    names = await _names(this)
    if names is None:
        return
    while page := await blobs.list_before(moment, after=after, limit=PAGE):
        after, seen = page[-1], seen + len(page)
        yield ExaminationProgress("files", seen)
        for digest in page:
            if digest in names or not (what := await _kind(this, digest)):
                continue
            names = await _names(this)
            if names is None:
                return
            if digest in names:
                continue
            kind = FindingKind.BLOB_UNNAMED
            finding = Finding(kind, f"{what}, blob {digest}", "a record that names it", "none")
            yield finding.mark_repaired(this.repair and await blobs.delete_before(digest, moment))


async def _kind(this: Examination, digest: str) -> str:
    try:
        content = await this.stores.blobs.get(digest)
    except (NotFound, DataLoss):
        return ""
    return await asyncio.to_thread(kind_of, content)


async def _names(this: Examination) -> set[str] | None:
    """The digests that any project names; None when a version is lost, and what it named with it.

    Names move from spaces to commits under way and on to versions: read in this order, one that
    is there all the time is always met.
    """
    names: set[str] = set()
    for project in await list_children(this.ledger, PARTITION, "project"):
        async for page in scan_pages(this.ledger, project, prefix("space")):
            names.update(decode(Space, entry).basis_digest for entry in page)
        async for page in scan_pages(this.ledger, project, prefix("making")):
            names.update(segments(entry.key)[-1] for entry in page)
            names.update(decode(Making, entry).basis_digest for entry in page)
        recorded = await list_children(this.ledger, project, "version")
        for campaign in {*recorded, *await list_children(this.ledger, project, "campaign")}:
            versions = await bound_versions(this.ledger, project, campaign)
            if versions is None:
                return None
            for version in versions:
                names |= {version.snapshot_digest, version.model_digest, version.basis_digest}
    return names
