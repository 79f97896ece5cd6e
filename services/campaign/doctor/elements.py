"""Checks of each issue's elements: their count, their vectors, and points without an element."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.campaign import element_points
from services.campaign.blob_references import read_versions
from services.campaign.candidates import content_digest
from services.campaign.doctor.reading import read_campaigns
from services.campaign.records import (
    ElementRecord,
    IssueRecord,
    SpaceRecord,
    element_key,
    element_prefix,
    issue_key,
    revise,
    space_key,
)
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.ledger.interface import ABSENT, Entry
from services.records.documents import StoredRecord, find_record
from services.records.points import made_us, read_points
from services.records.records import decode, encode, prefix
from services.records.scanning import PAGE, scan_pages
from sluice.names import CampaignName, IssueName

ATTEMPTS: Final = 3
"""Maximum number of counts of elements that keep changing."""


async def examine(examination: Examination) -> ExaminationEvents:
    """Examine every issue of the project."""
    ledger, project = examination.ledger, examination.project
    examined = 0
    async for page in scan_pages(ledger, project, prefix("issue")):
        for entry in page:
            issue = decode(IssueRecord, entry)
            async for event in _examine_issue(examination, IssueName(project, issue.id), issue):
                if isinstance(event, ExaminationProgress):
                    examined += event.examined
                    yield ExaminationProgress(event.stage, examined)
                else:
                    yield event


async def _examine_issue(
    examination: Examination, name: IssueName, issue: IssueRecord
) -> ExaminationEvents:
    elements = element_prefix(name.issue)
    async for page in scan_pages(examination.ledger, examination.project, elements):
        yield ExaminationProgress("elements", len(page))
        for element in await _find_wrong_vectors(examination, name, issue, page):
            yield await _restore_vector(examination, name, issue, element)
    for check in (_check_count, _check_space):
        if finding := await check(examination, name):
            yield finding
    async for event in _examine_orphans(examination, name):
        yield event


async def _find_wrong_vectors(
    examination: Examination, name: IssueName, issue: IssueRecord, page: Sequence[Entry]
) -> list[ElementRecord]:
    """The elements of a page with a missing or different vector.

    A point exists for longer than the element that references it: an element that is the same
    before and after the vectors are read must have one.
    """
    if not issue.dimension:
        # The first elements were added between the reading of the issue and of its elements.
        return []
    elements = [decode(ElementRecord, entry) for entry in page]
    collection = element_points.collection_for(name.project, issue)
    ids = [UUID(bytes=element.point) for element in elements]
    tenant = element_points.issue_tenant(name)
    vectors = await read_points(examination.stores.vectors, collection, tenant, ids)
    matches = await asyncio.to_thread(_match_vectors, elements, vectors)
    suspects = [row for row, is_match in enumerate(matches) if not is_match]
    entries = await examination.ledger.get(examination.project, [page[row].key for row in suspects])
    return [
        elements[row]
        for row in suspects
        if (entry := entries.get(page[row].key)) and entry.revision == page[row].revision
    ]


def _match_vectors(elements: Sequence[ElementRecord], vectors: NDArray[np.float32]) -> list[bool]:
    pairs = zip(elements, vectors, strict=True)
    return [matches_digest(element, vector) for element, vector in pairs]


def matches_digest(element: ElementRecord, vector: NDArray[np.float32]) -> bool:
    """Whether a vector is the one that the element was added with."""
    return content_digest(element.frame, element.label_id, vector) == element.digest


async def _restore_vector(
    examination: Examination, name: IssueName, issue: IssueRecord, element: ElementRecord
) -> Finding:
    """The finding for a wrong vector; with `repair` it is copied from a snapshot."""
    crop = f", label {element.label_id!r}" if element.label_id else ""
    finding = Finding(
        FindingKind.ELEMENT_VECTOR,
        f"{name}, frame {element.frame_id!r}{crop}",
        "the vector of its digest",
        "missing or different",
    )
    vector = await find_vector(examination, name, element, issue)
    if vector is None:
        return finding.mark_lost()
    if examination.repair:
        await element_points.write(examination.stores, name, issue, [element], vector[None])
    return finding.mark_repaired(examination.repair)


async def find_vector(
    examination: Examination, name: IssueName, element: ElementRecord, issue: IssueRecord
) -> NDArray[np.float32] | None:
    """The vector of an element from a snapshot of its issue, `(dimension,) float32`, if any."""
    ledger, project = examination.ledger, examination.project
    collection = element_points.collection_for(project, issue)
    for campaign in await read_campaigns(ledger, project):
        if campaign.issue != name.issue:
            continue
        campaign_name = CampaignName(project, campaign.id)
        for version in await read_versions(ledger, project, campaign.id):
            digest = version.snapshot_digest
            points = await examination.stores.vectors.retrieve(
                collection,
                element_points.snapshot_tenant(campaign_name, digest),
                [element_points.snapshot_point(campaign_name, digest, element)],
            )
            if len(points) and matches_digest(element, points.vectors[0]):
                vector: NDArray[np.float32] = points.vectors[0]
                return vector
    return None


async def _read_issue(
    examination: Examination, name: IssueName
) -> StoredRecord[IssueRecord] | None:
    key = issue_key(name.issue)
    return await find_record(examination.ledger, examination.project, key, IssueRecord)


async def _count_elements(
    examination: Examination, name: IssueName
) -> tuple[StoredRecord[IssueRecord], int] | None:
    """An issue and the number of its elements at one moment; None if it changes or is deleted.

    Each change of the elements changes the issue.
    """
    for _ in range(ATTEMPTS):
        before = await _read_issue(examination, name)
        count = 0
        elements = element_prefix(name.issue)
        async for page in scan_pages(examination.ledger, examination.project, elements):
            count += len(page)
        after = await _read_issue(examination, name)
        if before is None or after is None:
            return None
        if before.revision == after.revision:
            return before, count
    return None


async def _check_count(examination: Examination, name: IssueName) -> Finding | None:
    """The finding for a wrong `element_count`, if it is wrong."""
    counted = await _count_elements(examination, name)
    if counted is None:
        return None
    issue, count = counted
    if issue.record.element_count == count:
        return None
    finding = Finding(
        FindingKind.ELEMENT_COUNT,
        str(name),
        f"{count} elements",
        f"{issue.record.element_count} elements",
    )
    key = issue_key(name.issue)
    puts = {key: encode(revise(issue.record, element_count=count))}
    return finding.mark_repaired(await examination.commit_repair({key: issue.revision}, puts))


async def _check_space(examination: Examination, name: IssueName) -> Finding | None:
    """The finding for a missing space record; the first element creates it with the issue's."""
    issue = await _read_issue(examination, name)
    if issue is None or not issue.record.dimension:
        return None
    model_id, dimension = issue.record.model_id, issue.record.dimension
    key = space_key(model_id, dimension)
    if await find_record(examination.ledger, examination.project, key, SpaceRecord):
        return None
    subject = f"{name}, space of {model_id!r} with {dimension} dimensions"
    finding = Finding(FindingKind.SPACE_MISSING, subject, "a record", "none")
    puts = {key: encode(SpaceRecord(model_id=model_id, dimension=dimension))}
    return finding.mark_repaired(await examination.commit_repair({key: ABSENT}, puts))


async def _examine_orphans(examination: Examination, name: IssueName) -> ExaminationEvents:
    """Report the points of an issue that no element references.

    Skips points that were created within the hour, which an element may reference soon, and issues
    that were changed within the hour: the call may still be deleting points of removed elements.
    """
    issue = await _read_issue(examination, name)
    if issue is None or not issue.record.dimension or examination.is_young(issue.record.updated_us):
        return
    vectors = examination.stores.vectors
    collection = element_points.collection_for(examination.project, issue.record)
    tenant, after = element_points.issue_tenant(name), None
    while page := await vectors.read_page(collection, tenant, after=after, limit=PAGE):
        after = page.ids[-1]
        keys = {
            point: element_key(
                name.issue, str(payload.get("frame_id")), str(payload.get("label_id"))
            )
            for point, payload in zip(page.ids, page.payloads, strict=True)
            if not examination.is_young(made_us(point))
        }
        entries = await examination.ledger.get(examination.project, list(keys.values()))
        orphans = [point for point, key in keys.items() if not _references(entries.get(key), point)]
        current = await _read_issue(examination, name)
        if current is None or current.revision != issue.revision:
            return
        if examination.repair:
            await vectors.delete(collection, tenant, orphans)
        for point in orphans:
            kind, subject = FindingKind.ELEMENT_ORPHAN, f"{name}, point {point}"
            finding = Finding(kind, subject, "an element", "a point without an element")
            yield finding.mark_repaired(examination.repair)


def _references(entry: Entry | None, point: UUID) -> bool:
    return entry is not None and decode(ElementRecord, entry).point == point.bytes
