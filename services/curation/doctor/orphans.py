"""Points of the vector store that no frame names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.curation.datasets.deleted_frames import TOMBSTONES
from services.curation.datasets.points import tenants_of
from services.curation.doctor.frames import frame_subject
from services.curation.doctor.reading import is_being_deleted
from services.curation.records import FrameRow, frame_key
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.records.point_deletions import read_point_deletions
from services.records.points import made_us
from services.records.records import decode
from services.records.scanning import PAGE
from services.vectors.interface import Kind, Points
from sluice.names import DatasetName


@dataclass(slots=True)
class OrphanExemptions:
    """Points and frames that are exempt from the search for orphans."""

    points: set[UUID] = field(default_factory=set)
    """Points whose payload names another frame than the one they belong to."""
    frames: set[tuple[DatasetName, str]] = field(default_factory=set)
    """Frames without a row: the points that the row named are unknown."""


async def examine(examination: Examination, exemptions: OrphanExemptions) -> ExaminationEvents:
    """Look for points that no frame names."""
    vectors, tenants_prefix, seen = examination.stores.vectors, tenants_of(examination.project), 0
    for collection in await vectors.collections(examination.project):
        if collection.kind is not Kind.FRAMES:
            continue
        for tenant in await vectors.tenants(collection):
            if not tenant.startswith(tenants_prefix):
                continue
            name, after = (
                DatasetName(examination.project, tenant.removeprefix(tenants_prefix)),
                None,
            )
            if await is_being_deleted(examination, name):
                continue
            while page := await vectors.read_page(collection, tenant, after=after, limit=PAGE):
                after, seen = page.ids[-1], seen + len(page)
                yield ExaminationProgress("points", seen)
                orphans = await _find_orphans(examination, name, page, exemptions)
                if orphans and examination.repair:
                    await vectors.delete(collection, tenant, list(orphans))
                for point, frame_id in orphans.items():
                    subject = f"{frame_subject(name, frame_id)}, point {point}"
                    kind = FindingKind.FRAME_ORPHAN
                    finding = Finding(kind, subject, "a frame that names it", "a point alone")
                    yield finding.mark_repaired(examination.repair)


async def _find_orphans(
    examination: Examination, name: DatasetName, page: Points, exemptions: OrphanExemptions
) -> dict[UUID, str]:
    """The frame id of each old point of a page that its frame does not name.

    A young point may be named yet. And a frame with young points may have just got them: the call
    that wrote them is about to delete the earlier ones.
    """
    old = {
        point: str(payload.get("frame_id", ""))
        for point, payload in zip(page.ids, page.payloads, strict=True)
        if not examination.is_young(made_us(point)) and point not in exemptions.points
    }
    keys = {frame_key(name.dataset, frame_id): frame_id for frame_id in old.values()}
    entries = await examination.ledger.get(examination.project, list(keys)) if keys else {}
    points = {keys[key]: _points_of(decode(FrameRow, entry)) for key, entry in entries.items()}
    listed = await _read_listed(examination)
    return {
        point: frame_id
        for point, frame_id in old.items()
        if point not in (own := points.get(frame_id, ()))
        and not any(examination.is_young(made_us(other)) for other in own)
        and (name, frame_id) not in exemptions.frames
        and point not in listed
    }


async def _read_listed(examination: Examination) -> set[UUID]:
    """The points of deleted frames that are about to be deleted."""
    stores, project = examination.stores, examination.project
    deletions = read_point_deletions(stores, project, TOMBSTONES.service)
    return {point async for deletion in deletions for point in deletion.points}


def _points_of(row: FrameRow) -> Sequence[UUID]:
    return [UUID(bytes=vector.point) for vector in row.vectors]
