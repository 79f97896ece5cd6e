"""The elements of each issue against their number, their vectors, and the points of nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.campaign import points
from services.campaign.candidates import content_digest
from services.campaign.doctor.reading import campaigns_of, versions_of
from services.campaign.records import (
    Element,
    Issue,
    Space,
    changed,
    element_key,
    element_prefix,
    issue_key,
    space_key,
)
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.ledger.interface import ABSENT, Conflict, Entry, Transaction
from services.records.documents import find_record
from services.records.points import made_us, read_points
from services.records.records import decode, encode, prefix
from services.records.scanning import PAGE, scan_pages
from services.vectors.interface import Collection
from sluice.names import CampaignName, IssueName

ATTEMPTS = 3
"""How often elements are counted while they change."""


async def examine(this: Examination) -> ExaminationEvents:
    """Examine every issue of the project."""
    seen = 0
    async for page in scan_pages(this.ledger, this.project, prefix("issue")):
        for entry in page:
            issue = decode(Issue, entry)
            async for event in _examine_issue(this, IssueName(this.project, issue.id), issue):
                if isinstance(event, ExaminationProgress):
                    seen += event.examined
                    yield ExaminationProgress(event.stage, seen)
                else:
                    yield event


async def _examine_issue(this: Examination, name: IssueName, issue: Issue) -> ExaminationEvents:
    async for page in scan_pages(this.ledger, this.project, element_prefix(name.issue)):
        yield ExaminationProgress("elements", len(page))
        for element in await _without_vector(this, name, issue, page):
            crop = f", label {element.label_id!r}" if element.label_id else ""
            subject = f"{name}, frame {element.frame_id!r}{crop}"
            kind, found = FindingKind.ELEMENT_VECTOR, "none, or another"
            finding = Finding(kind, subject, "the vector of its digest", found)
            vector = await recover(this, name, element, issue)
            if vector is None:
                yield finding.mark_lost()
                continue
            if this.repair:
                await points.write(this.stores, name, issue, [element], vector[None])
            yield finding.mark_repaired(this.repair)
    for check in (_count, _space):
        if finding_ := await check(this, name):
            yield finding_
    async for event in _orphans(this, name):
        yield event


async def _without_vector(
    this: Examination, name: IssueName, issue: Issue, page: Sequence[Entry]
) -> list[Element]:
    """The elements of a page whose vector is not there, or not theirs.

    A point is there from before its element names it until after: one that names it before and
    after the look must have it.
    """
    if not issue.dimension:
        # The first elements came between the reading of the issue and theirs.
        return []
    elements = [decode(Element, entry) for entry in page]
    collection = points.elements_of(name.project, issue.model_id, issue.dimension)
    ids = [UUID(bytes=element.point) for element in elements]
    tenant = points.issue_tenant(name)
    vectors = await read_points(this.stores.vectors, collection, tenant, ids)
    good = await asyncio.to_thread(_have_digests, elements, vectors)
    suspects = [i for i, is_good in enumerate(good) if not is_good]
    again = await this.ledger.get(this.project, [page[i].key for i in suspects])
    return [
        elements[i]
        for i in suspects
        if page[i].key in again and again[page[i].key].revision == page[i].revision
    ]


def _have_digests(elements: Sequence[Element], vectors: NDArray[np.float32]) -> list[bool]:
    return [has_digest(element, vector) for element, vector in zip(elements, vectors, strict=True)]


def has_digest(element: Element, vector: NDArray[np.float32]) -> bool:
    """Whether a vector is the one that an element was added with."""
    return content_digest(element.frame, element.label_id, vector) == element.digest


async def recover(
    this: Examination, name: IssueName, element: Element, issue: Issue
) -> NDArray[np.float32] | None:
    """The vector of an element from a snapshot that has it, if there is one."""
    collection = points.elements_of(this.project, issue.model_id, issue.dimension)
    for campaign in await campaigns_of(this.ledger, this.project):
        if campaign.issue != name.issue:
            continue
        campaign_name = CampaignName(this.project, campaign.id)
        for version in await versions_of(this.ledger, this.project, campaign.id):
            digest = version.snapshot_digest
            found = await this.stores.vectors.retrieve(
                collection,
                points.snapshot_tenant(campaign_name, digest),
                [points.snapshot_point(campaign_name, digest, element)],
            )
            if len(found) and has_digest(element, found.vectors[0]):
                vector: NDArray[np.float32] = found.vectors[0]
                return vector
    return None


async def _count(this: Examination, name: IssueName) -> Finding | None:
    """What is wrong with the number of elements; each change of them changes the issue."""
    where = issue_key(name.issue)
    for _ in range(ATTEMPTS):
        issue = await find_record(this.ledger, this.project, where, Issue)
        count = 0
        async for page in scan_pages(this.ledger, this.project, element_prefix(name.issue)):
            count += len(page)
        after = await find_record(this.ledger, this.project, where, Issue)
        if issue is None or after is None or issue.revision == after.revision:
            break
    else:
        return None
    if issue is None or after is None or issue.record.element_count == count:
        return None
    kind, said = FindingKind.ELEMENT_COUNT, issue.record.element_count
    finding = Finding(kind, str(name), f"{count} elements", f"{said} elements")
    if not this.repair:
        return finding
    put = {where: encode(changed(issue.record, element_count=count))}
    return finding.mark_repaired(await _commit(this, {where: issue.revision}, put))


async def _space(this: Examination, name: IssueName) -> Finding | None:
    """What is missing for the space of an issue; an issue gets both in one transaction."""
    issue = await find_record(this.ledger, this.project, issue_key(name.issue), Issue)
    if issue is None or not issue.record.dimension:
        return None
    model_id, dimension = issue.record.model_id, issue.record.dimension
    where = space_key(model_id, dimension)
    if await find_record(this.ledger, this.project, where, Space):
        return None
    subject = f"{name}, space of {model_id!r} with {dimension} dimensions"
    finding = Finding(FindingKind.SPACE_MISSING, subject, "a record", "none")
    put = {where: encode(Space(model_id=model_id, dimension=dimension))}
    return finding.mark_repaired(this.repair and await _commit(this, {where: ABSENT}, put))


async def _commit(this: Examination, checks: dict[str, int], puts: dict[str, bytes]) -> bool:
    try:
        await this.ledger.commit(Transaction(this.project, checks=checks, puts=puts))
    except Conflict:
        return False
    return True


async def _orphans(this: Examination, name: IssueName) -> ExaminationEvents:
    """The points of an issue that no element names, unless one of them may yet, or just did.

    A point is young when it was made within the hour, and an issue that has changed within the
    hour may be about to delete the points of elements that it has no more.
    """
    issue = await find_record(this.ledger, this.project, issue_key(name.issue), Issue)
    if issue is None or not issue.record.dimension or this.is_young(issue.record.updated_us):
        return
    collection = points.elements_of(this.project, issue.record.model_id, issue.record.dimension)
    tenant, after = points.issue_tenant(name), None
    while page := await this.stores.vectors.read_page(collection, tenant, after=after, limit=PAGE):
        after = page.ids[-1]
        old = [
            (point, payload)
            for point, payload in zip(page.ids, page.payloads, strict=True)
            if not this.is_young(made_us(point))
        ]
        keys = {
            point: element_key(name.issue, str(p.get("frame_id")), str(p.get("label_id")))
            for point, p in old
        }
        named = await this.ledger.get(this.project, list(keys.values()))
        unnamed = [point for point in keys if not _names(named.get(keys[point]), point)]
        now = await find_record(this.ledger, this.project, issue_key(name.issue), Issue)
        if now is None or now.revision != issue.revision:
            return
        gone = this.repair and await _delete(this, collection, tenant, unnamed)
        for point in unnamed:
            kind, subject = FindingKind.ELEMENT_ORPHAN, f"{name}, point {point}"
            yield Finding(kind, subject, "an element", "a point alone").mark_repaired(gone)


def _names(entry: Entry | None, point: UUID) -> bool:
    return entry is not None and decode(Element, entry).point == point.bytes


async def _delete(
    this: Examination, collection: Collection, tenant: str, ids: Sequence[UUID]
) -> bool:
    await this.stores.vectors.delete(collection, tenant, ids)
    return True
