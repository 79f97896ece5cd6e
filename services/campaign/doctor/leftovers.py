"""Checks for leftovers of deleted issues: element records and points."""

from __future__ import annotations

from services.campaign import element_points
from services.campaign.issue_deletion import delete_element_records, find_tombstone
from services.campaign.records import IssueRecord, element_prefix, issue_key
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, Finding, FindingKind
from services.records.documents import find_record
from services.records.points import made_us
from services.records.scanning import PAGE, list_children
from services.vectors.interface import Collection, Kind
from sluice.names import IssueName


async def examine(examination: Examination) -> ExaminationEvents:
    """Report what deleted issues have left; an issue id is never used again."""
    for issue in await list_children(examination.ledger, examination.project, "element"):
        name = IssueName(examination.project, issue)
        if await _is_deleted(examination, name) and await _has_records(examination, name):
            finding = Finding(FindingKind.ISSUE_LEFTOVER, str(name), "nothing", "element records")
            if examination.repair:
                await delete_element_records(examination.stores, name)
            yield finding.mark_repaired(examination.repair)
    start = element_points.issue_tenant_prefix(examination.project)
    for collection in await examination.stores.vectors.collections(examination.project):
        if collection.kind is not Kind.ELEMENTS:
            continue
        for tenant in await examination.stores.vectors.tenants(collection):
            if tenant.startswith(start):
                name = IssueName(examination.project, tenant.removeprefix(start))
                async for event in _examine_points(examination, name, collection):
                    yield event


async def _examine_points(
    examination: Examination, name: IssueName, collection: Collection
) -> ExaminationEvents:
    if not await _is_deleted(examination, name):
        return
    tenant, after, count = element_points.issue_tenant(name), None, 0
    vectors = examination.stores.vectors
    while page := await vectors.read_page(collection, tenant, after=after, limit=PAGE):
        after = page.ids[-1]
        # A running call may write points before it learns that the issue is deleted.
        ids = [point for point in page.ids if not examination.is_young(made_us(point))]
        count += len(ids)
        if examination.repair:
            await vectors.delete(collection, tenant, ids)
    if count:
        finding = Finding(FindingKind.ISSUE_LEFTOVER, str(name), "nothing", f"{count} points")
        yield finding.mark_repaired(examination.repair)


async def _is_deleted(examination: Examination, name: IssueName) -> bool:
    """Whether an issue is deleted completely: `deletions.py` reports unfinished deletions."""
    ledger, project = examination.ledger, examination.project
    if await find_record(ledger, project, issue_key(name.issue), IssueRecord):
        return False
    tombstone = await find_tombstone(examination.stores, name)
    return tombstone is None or tombstone.done


async def _has_records(examination: Examination, name: IssueName) -> bool:
    """Whether element records are left, after `_is_deleted` found that nobody deletes them."""
    elements = element_prefix(name.issue)
    return bool(await examination.ledger.scan(examination.project, elements, limit=1))
