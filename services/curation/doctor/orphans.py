"""Points of the vector store that no frame names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.curation.datasets.points import tenants_of
from services.curation.doctor.frames import subject_of
from services.curation.records import FrameRow, frame_key
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.records.points import made_us
from services.records.records import decode
from services.records.scanning import PAGE
from services.vectors.interface import Kind, Points
from sluice.names import DatasetName


@dataclass(slots=True)
class Spared:
    """What is left alone: points that only say another frame's name, and frames without a row.

    Nobody knows what a row named that is lost.
    """

    points: set[UUID] = field(default_factory=set)
    frames: set[tuple[DatasetName, str]] = field(default_factory=set)


async def examine(this: Examination, spared: Spared) -> ExaminationEvents:
    """Look for points that no frame names."""
    vectors, start, seen = this.stores.vectors, tenants_of(this.project), 0
    for collection in await vectors.collections(this.project):
        if collection.kind is not Kind.FRAMES:
            continue
        for tenant in await vectors.tenants(collection):
            if not tenant.startswith(start):
                continue
            name, after = DatasetName(this.project, tenant.removeprefix(start)), None
            while page := await vectors.read_page(collection, tenant, after=after, limit=PAGE):
                after, seen = page.ids[-1], seen + len(page)
                yield ExaminationProgress("points", seen)
                orphans = await _of_no_frame(this, name, page, spared)
                if orphans and this.repair:
                    await vectors.delete(collection, tenant, list(orphans))
                for point, frame_id in orphans.items():
                    subject = f"{subject_of(name, frame_id)}, point {point}"
                    kind = FindingKind.FRAME_ORPHAN
                    finding = Finding(kind, subject, "a frame that names it", "a point alone")
                    yield finding.mark_repaired(this.repair)


async def _of_no_frame(
    this: Examination, name: DatasetName, page: Points, spared: Spared
) -> dict[UUID, str]:
    """The old points of a page, each with its frame's id, that the frame does not name.

    A young one may yet be named. And a frame whose own points are young may just have got them:
    who gave them to it is about to delete those that it had.
    """
    old = {
        point: str(payload.get("frame_id", ""))
        for point, payload in zip(page.ids, page.payloads, strict=True)
        if not this.is_young(made_us(point)) and point not in spared.points
    }
    keys = {frame_key(name.dataset, frame_id): frame_id for frame_id in old.values()}
    entries = await this.ledger.get(this.project, list(keys)) if keys else {}
    named = {keys[where]: _points(decode(FrameRow, entry)) for where, entry in entries.items()}
    return {
        point: frame_id
        for point, frame_id in old.items()
        if point not in (own := named.get(frame_id, ()))
        and not any(this.is_young(made_us(other)) for other in own)
        and (name, frame_id) not in spared.frames
    }


def _points(row: FrameRow) -> Sequence[UUID]:
    return [UUID(bytes=vector.point) for vector in row.vectors]
