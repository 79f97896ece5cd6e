"""Batches: those that were left half way, their plans, picks and views."""

from __future__ import annotations

from uuid import UUID

from services.curation.batches.create import view_name, view_of
from services.curation.batches.records import (
    Batch,
    BatchState,
    batch_key,
    batch_prefix,
    pick_prefix,
    plan_prefix,
)
from services.curation.datasets.views import View, view_key
from services.curation.doctor.reading import ATTEMPTS
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.ledger.interface import ABSENT, Transaction
from services.records.documents import find_record
from services.records.points import made_us
from services.records.records import decode, encode, prefix, segments
from services.records.scanning import LAST, scan_pages
from sluice.names import BatchName, DatasetName


async def examine(this: Examination, name: DatasetName) -> ExaminationEvents:
    """Examine every batch of a dataset, and look for plans of none."""
    seen, left = 0, []
    async for page in scan_pages(this.ledger, this.project, batch_prefix(name.dataset)):
        for entry in page:
            seen += 1
            yield ExaminationProgress("batches", seen)
            batch = decode(Batch, entry)
            full_name = BatchName(name.project, name.dataset, batch.id)
            for look in (_view, _picks):
                if finding := await look(this, full_name, batch):
                    yield finding
            if batch.state is BatchState.SELECTING and not this.is_young(batch.created_us):
                left.append((full_name, batch))
    for full_name, part in await _plans(this, name):
        if finding := await _of_no_batch(this, full_name, part):
            yield finding
    for full_name, batch in left:
        if finding := await _unfinished(this, full_name, batch):
            yield finding


async def _view(this: Examination, name: BatchName, batch: Batch) -> Finding | None:
    """A batch and its view come in one transaction."""
    view = view_name(name)
    where = view_key(view)
    if await find_record(this.ledger, this.project, where, View):
        return None
    done = await this.commit_repair({where: ABSENT}, {where: encode(view_of(batch))})
    return Finding(FindingKind.BATCH_VIEW, str(name), f"the view {view}", "none").mark_repaired(
        done
    )


async def _picks(this: Examination, name: BatchName, batch: Batch) -> Finding | None:
    """Each pick comes with the batch that counts it: read at one revision, they agree."""
    where = batch_key(name)
    for _ in range(ATTEMPTS):
        before = await find_record(this.ledger, this.project, where, Batch)
        picks = 0
        async for page in scan_pages(this.ledger, this.project, pick_prefix(name)):
            picks += len(page)
        after = await find_record(this.ledger, this.project, where, Batch)
        if before is None or after is None:
            return None
        if before.revision == after.revision:
            said = before.record.picked
            kind, expected = FindingKind.BATCH_PICKS, f"{said} picks"
            return (
                Finding(kind, str(name), expected, f"{picks}").mark_lost()
                if said != picks
                else None
            )
    return None


async def _unfinished(this: Examination, name: BatchName, batch: Batch) -> Finding | None:
    """An old batch that nobody goes on with: it is as it was when it was read."""
    now = await find_record(this.ledger, this.project, batch_key(name), Batch)
    if now is None or now.record != batch:
        return None
    found = f"{batch.picked}: the same CreateBatch goes on with it"
    return Finding(FindingKind.BATCH_UNFINISHED, str(name), f"{batch.size} groups marked", found)


async def _plans(this: Examination, name: DatasetName) -> list[tuple[BatchName, str]]:
    """All plans of a dataset, without reading what lies below each."""
    found: list[tuple[BatchName, str]] = []
    below, after = prefix("batch-plan", name.dataset), ""
    while page := await this.ledger.scan(this.project, below, after=after, limit=1):
        _, _, batch, part, _ = segments(page[0].key)
        full_name = BatchName(name.project, name.dataset, batch)
        found.append((full_name, part))
        after = plan_prefix(full_name, part) + LAST
    return found


async def _of_no_batch(this: Examination, name: BatchName, part: str) -> Finding | None:
    """A plan that is old and that its batch does not name, nor ever will."""
    batch = await find_record(this.ledger, this.project, batch_key(name), Batch)
    if (batch is not None and batch.record.part == part) or this.is_young(made_us(UUID(part))):
        return None
    if this.repair:
        async for page in scan_pages(this.ledger, this.project, plan_prefix(name, part)):
            left = [entry.key for entry in page]
            await this.ledger.commit(Transaction(this.project, deletes=left))
    finding = Finding(
        FindingKind.BATCH_PLAN, f"{name}, plan {part}", "a batch that names it", "a plan alone"
    )
    return finding.mark_repaired(this.repair)
