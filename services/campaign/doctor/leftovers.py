"""What is left of issues that were deleted: element records, and points."""

from __future__ import annotations

from services.campaign import points
from services.campaign.issue_deletion import delete_element_records
from services.campaign.records import Deleting, Issue, deleting_key, element_prefix, issue_key
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, Finding, FindingKind
from services.ledger.interface import Transaction
from services.records.documents import find_record
from services.records.points import made_us
from services.records.scanning import PAGE, list_children
from services.vectors.interface import Collection, Kind
from sluice.names import IssueName


async def examine(this: Examination) -> ExaminationEvents:
    """Look for what issues have left that are gone; an issue's id never comes back."""
    for issue in await list_children(this.ledger, this.project, "element"):
        name = IssueName(this.project, issue)
        if await _is_gone(this, name) and await _has_records(this, name):
            finding = Finding(FindingKind.ISSUE_LEFTOVER, str(name), "nothing", "element records")
            if this.repair:
                await delete_element_records(this.stores, name)
            yield finding.mark_repaired(this.repair)
    start = points.issues_of(this.project)
    for collection in await this.stores.vectors.collections(this.project):
        if collection.kind is not Kind.ELEMENTS:
            continue
        for tenant in await this.stores.vectors.tenants(collection):
            if tenant.startswith(start):
                name = IssueName(this.project, tenant.removeprefix(start))
                async for event in _examine_points(this, name, collection):
                    yield event
    if this.repair:
        await _forget_deletions(this)


async def _examine_points(
    this: Examination, name: IssueName, collection: Collection
) -> ExaminationEvents:
    if not await _is_gone(this, name):
        return
    tenant, after, old = points.issue_tenant(name), None, 0
    vectors = this.stores.vectors
    while page := await vectors.read_page(collection, tenant, after=after, limit=PAGE):
        after = page.ids[-1]
        # A call may write points just now, to find out next that the issue is gone.
        ids = [point for point in page.ids if not this.is_young(made_us(point))]
        old += len(ids)
        if this.repair:
            await vectors.delete(collection, tenant, ids)
    if old:
        finding = Finding(FindingKind.ISSUE_LEFTOVER, str(name), "nothing", f"{old} points")
        yield finding.mark_repaired(this.repair)


async def _is_gone(this: Examination, name: IssueName) -> bool:
    """Whether an issue is deleted, and nobody is deleting its elements just now."""
    if await find_record(this.ledger, this.project, issue_key(name.issue), Issue):
        return False
    deleting = await find_record(this.ledger, this.project, deleting_key(name.issue), Deleting)
    return deleting is None or not this.is_young(deleting.record.started_us)


async def _has_records(this: Examination, name: IssueName) -> bool:
    """Whether there are any, now that nobody is deleting them."""
    return bool(await this.ledger.scan(this.project, element_prefix(name.issue), limit=1))


async def _forget_deletions(this: Examination) -> None:
    """What deletions that died have left is gone by now, and so may be their own records."""
    for issue in await list_children(this.ledger, this.project, "deleting"):
        if await _is_gone(this, IssueName(this.project, issue)):
            deletes = [deleting_key(issue)]
            await this.ledger.commit(Transaction(this.project, deletes=deletes))
