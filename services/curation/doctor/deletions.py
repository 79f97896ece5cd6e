"""Deletions of frames that were interrupted."""

from __future__ import annotations

from services.curation.context import Curation
from services.curation.datasets.delete_frames import finish_deletion, read_pending_deletions
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, Finding, FindingKind
from sluice.names import ProjectName


async def examine(curation: Curation, examination: Examination) -> ExaminationEvents:
    """Report deletions that began an hour ago and are not complete; a repair completes them."""
    name = ProjectName(examination.project)
    deletions = [
        deletion
        async for deletion in read_pending_deletions(examination.ledger, name.project)
        if not examination.is_young(deletion.started_us)
    ]
    for deletion in deletions:
        if examination.repair:
            await finish_deletion(curation, name, deletion.key, deletion.frame_ids)
        frames = ", ".join(deletion.frame_ids[:3])
        subject = f"{name}, {len(deletion.frame_ids)} frames: {frames}"
        kind = FindingKind.DELETION_UNFINISHED
        finding = Finding(kind, subject, "deleted everywhere", "interrupted")
        yield finding.mark_repaired(examination.repair)
