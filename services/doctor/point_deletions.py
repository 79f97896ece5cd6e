"""Checks for deletions of points that were interrupted."""

from __future__ import annotations

from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, Finding, FindingKind
from services.records.point_deletions import delete_listed_points, read_point_deletions


async def examine_point_deletions(examination: Examination, service: str) -> ExaminationEvents:
    """Report points that were listed for deletion an hour ago; a repair deletes them."""
    stores, project = examination.stores, examination.project
    deletions = [
        deletion
        async for deletion in read_point_deletions(stores, project, service)
        if not examination.is_young(deletion.started_us)
    ]
    if examination.repair and deletions:
        await delete_listed_points(stores, project, service)
    for deletion in deletions:
        kind, subject = FindingKind.DELETION_UNFINISHED, f"points of {deletion.tenant}"
        actual = f"{len(deletion.points)} points of deleted frames"
        yield Finding(kind, subject, "deleted", actual).mark_repaired(examination.repair)
