"""Deletions of frames, rounds, batches and golden sets that were interrupted."""

from __future__ import annotations

from services.curation import resource_deletion as rd
from services.curation.batches.delete_batch import BatchDeletion
from services.curation.context import Curation
from services.curation.datasets.delete_dataset import DatasetDeletion
from services.curation.datasets.delete_frames import finish_deletion, read_pending_deletions
from services.curation.golden.delete_golden_set import GoldenSetDeletion
from services.curation.resource_deletion import ResourceDeletion
from services.curation.rounds.delete_round import RoundDeletion
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, Finding, FindingKind
from services.records.records import decode, prefix, segments
from services.records.scanning import scan_pages
from sluice.names import BatchName, DatasetName, GoldenSetName, ProjectName, RoundName


def _read_deletion(project: str, tombstone: str) -> ResourceDeletion | None:
    """How the resource of a tombstone is deleted; None for a kind of a later version."""
    _, kind, dataset, id = segments(tombstone)
    match kind:
        case rd.DATASET:
            return DatasetDeletion(DatasetName(project, dataset))
        case rd.ROUND:
            return RoundDeletion(RoundName(project, dataset, id))
        case rd.BATCH:
            return BatchDeletion(BatchName(project, dataset, id))
        case rd.GOLDEN_SET:
            return GoldenSetDeletion(GoldenSetName(project, dataset, id))
    return None


async def examine_resources(curation: Curation, examination: Examination) -> ExaminationEvents:
    """Report unfinished deletions of rounds, batches and golden sets; a repair completes them."""
    project = examination.project
    async for page in scan_pages(examination.ledger, project, prefix("deleted")):
        for entry in page:
            tombstone = decode(rd.ResourceTombstone, entry)
            deletion = _read_deletion(project, entry.key)
            if deletion is None or tombstone.done or examination.is_young(tombstone.deleted_us):
                continue
            if examination.repair:
                await rd.finish_deletion(curation, deletion, tombstone)
            kind, subject = FindingKind.DELETION_UNFINISHED, f"{deletion.dataset}, {entry.key}"
            finding = Finding(kind, subject, "deleted", "interrupted")
            yield finding.mark_repaired(examination.repair)


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
