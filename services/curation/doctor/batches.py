"""Batches: unfinished ones, and their plans, picks and views."""

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


async def examine(examination: Examination, name: DatasetName) -> ExaminationEvents:
    """Examine every batch of a dataset, and look for plans that no batch names."""
    seen, unfinished = 0, []
    async for page in scan_pages(
        examination.ledger, examination.project, batch_prefix(name.dataset)
    ):
        for entry in page:
            seen += 1
            yield ExaminationProgress("batches", seen)
            batch = decode(Batch, entry)
            full_name = BatchName(name.project, name.dataset, batch.id)
            for check in (_check_view, _check_picks):
                if finding := await check(examination, full_name, batch):
                    yield finding
            if batch.state is BatchState.SELECTING and not examination.is_young(batch.created_us):
                unfinished.append((full_name, batch))
    for full_name, part in await _list_plans(examination, name):
        if finding := await _check_plan(examination, full_name, part):
            yield finding
    for full_name, batch in unfinished:
        if finding := await _check_unfinished(examination, full_name, batch):
            yield finding


async def _check_view(examination: Examination, name: BatchName, batch: Batch) -> Finding | None:
    """A batch and its view are created in one transaction: a missing view is created again."""
    view = view_name(name)
    key = view_key(view)
    if await find_record(examination.ledger, examination.project, key, View):
        return None
    own_key = batch_key(name)
    stored = await find_record(examination.ledger, examination.project, own_key, Batch)
    if stored is None:  # deleted meanwhile, together with its view
        return None
    checks = {key: ABSENT, own_key: stored.revision}
    repaired = await examination.commit_repair(checks, {key: encode(view_of(batch))})
    finding = Finding(FindingKind.BATCH_VIEW, str(name), f"the view {view}", "none")
    return finding.mark_repaired(repaired)


async def _check_picks(examination: Examination, name: BatchName, batch: Batch) -> Finding | None:
    """A transaction that adds a pick also counts it in its batch: at one revision, they agree."""
    key = batch_key(name)
    for _ in range(ATTEMPTS):
        before = await find_record(examination.ledger, examination.project, key, Batch)
        picks = 0
        async for page in scan_pages(examination.ledger, examination.project, pick_prefix(name)):
            picks += len(page)
        after = await find_record(examination.ledger, examination.project, key, Batch)
        if before is None or after is None:
            return None
        if before.revision == after.revision:
            expected = before.record.picked
            if picks == expected:
                return None
            kind = FindingKind.BATCH_PICKS
            return Finding(kind, str(name), f"{expected} picks", f"{picks}").mark_lost()
    return None


async def _check_unfinished(
    examination: Examination, name: BatchName, batch: Batch
) -> Finding | None:
    """An old batch is unfinished if no call has continued it since it was read."""
    now = await find_record(examination.ledger, examination.project, batch_key(name), Batch)
    if now is None or now.record != batch:
        return None
    expected = f"{batch.size} groups marked"
    actual = f"{batch.picked}: send the same CreateBatch again to continue it"
    return Finding(FindingKind.BATCH_UNFINISHED, str(name), expected, actual)


async def _list_plans(examination: Examination, name: DatasetName) -> list[tuple[BatchName, str]]:
    """All plans of a dataset as (batch, part), without reading their picks."""
    plans: list[tuple[BatchName, str]] = []
    below, after = prefix("batch-plan", name.dataset), ""
    while page := await examination.ledger.scan(examination.project, below, after=after, limit=1):
        _, _, batch, part, _ = segments(page[0].key)
        full_name = BatchName(name.project, name.dataset, batch)
        plans.append((full_name, part))
        after = plan_prefix(full_name, part) + LAST
    return plans


async def _check_plan(examination: Examination, name: BatchName, part: str) -> Finding | None:
    """An old plan that its batch does not name will never be used, and is deleted."""
    batch = await find_record(examination.ledger, examination.project, batch_key(name), Batch)
    if (batch is not None and batch.record.part == part) or examination.is_young(
        made_us(UUID(part))
    ):
        return None
    if examination.repair:
        async for page in scan_pages(
            examination.ledger, examination.project, plan_prefix(name, part)
        ):
            deletes = [entry.key for entry in page]
            await examination.ledger.commit(Transaction(examination.project, deletes=deletes))
    finding = Finding(
        FindingKind.BATCH_PLAN, f"{name}, plan {part}", "a batch that names it", "a plan alone"
    )
    return finding.mark_repaired(examination.repair)
