"""What is left of a deleted project."""

from __future__ import annotations

from services.campaign.doctor.deletions import unfinished_deletion
from services.campaign.project_deletion import finish_deletion
from services.campaign.projects import find_tombstone
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents
from services.peers.resource_purges import ResourcePurges
from services.records.project_marks import ProjectMark, has_records
from sluice.names import ProjectName


async def examine(
    examination: Examination, purges: ResourcePurges, mark: ProjectMark
) -> ExaminationEvents:
    """Report a deletion that began an hour ago and has left anything; a repair completes it."""
    name = ProjectName(examination.project)
    if examination.is_young(mark.deleted_us) or await _is_complete(examination, name):
        return
    if examination.repair:
        await finish_deletion(examination.stores, purges, name)
    yield unfinished_deletion(name).mark_repaired(examination.repair)


async def _is_complete(examination: Examination, name: ProjectName) -> bool:
    stores = examination.stores
    return (
        await find_tombstone(stores, name) is not None
        and not await has_records(stores.ledger, name.project)
        and not await stores.vectors.collections(name.project)
    )
