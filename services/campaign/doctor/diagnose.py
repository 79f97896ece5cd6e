"""The doctor of a project: compares all that the campaign service stores, and repairs it."""

from __future__ import annotations

from services.campaign.doctor import (
    blobs,
    deletions,
    elements,
    leftovers,
    project_deletion,
    snapshots,
    unbound_snapshots,
    versions,
)
from services.campaign.doctor.files import FileExaminer
from services.campaign.frame_deletion import SERVICE
from services.campaign.projects import get_project
from services.doctor.examination import Examination, run_examiners
from services.doctor.findings import ExaminationEvents
from services.doctor.point_deletions import examine_point_deletions
from services.peers.resource_purges import ResourcePurges
from services.records.project_marks import find_mark
from services.records.records import now_us
from services.records.stores import Stores
from sluice.names import ProjectName


async def diagnose(
    stores: Stores,
    name: ProjectName,
    *,
    repair: bool,
    purges: ResourcePurges,
    started_us: int | None = None,
) -> ExaminationEvents:
    """Every difference between issues, versions, snapshots and files, confirmed by a second look.

    Dependencies come first: vectors of elements before snapshots, these before models,
    names before files that nothing names. Raises NotFound for a project that does not exist.
    """
    at = now_us() if started_us is None else started_us
    examination = Examination(stores, name.project, repair, at)
    if mark := await find_mark(stores.ledger, name.project):
        async for event in run_examiners(
            project_deletion.examine(examination, purges, mark.record), blobs.examine(examination)
        ):
            yield event
        return
    await get_project(stores, name)
    files = FileExaminer(examination)
    async for event in run_examiners(
        deletions.examine(examination, purges),
        versions.examine(examination),
        elements.examine(examination),
        leftovers.examine(examination),
        examine_point_deletions(examination, SERVICE),
        files.examine_spaces(),
        snapshots.examine(examination, files),
        unbound_snapshots.examine(examination),
        blobs.examine(examination),
    ):
        yield event
