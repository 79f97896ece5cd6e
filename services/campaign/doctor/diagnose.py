"""Everything of a project that the campaign service keeps, compared and, if asked, repaired."""

from __future__ import annotations

from services.campaign.doctor import (
    blobs,
    elements,
    leftovers,
    snapshots,
    unbound_snapshots,
    versions,
)
from services.campaign.doctor.files import FileExaminer
from services.campaign.projects import get_project
from services.doctor.examination import Examination, run_examiners
from services.doctor.findings import ExaminationEvents
from services.records.records import now_us
from services.records.stores import Stores
from sluice.names import ProjectName


async def diagnose(
    stores: Stores, name: ProjectName, *, repair: bool, started_us: int | None = None
) -> ExaminationEvents:
    """Every difference between issues, versions, snapshots and files, confirmed by a second look.

    What others rest on comes first: vectors of elements before snapshots, these before models,
    names before files that nothing names. Raises NotFound for a project that does not exist.
    """
    await get_project(stores, name)
    at = now_us() if started_us is None else started_us
    examination = Examination(stores, name.project, repair, at)
    files = FileExaminer(examination)
    async for event in run_examiners(
        versions.examine(examination),
        elements.examine(examination),
        leftovers.examine(examination),
        files.examine_spaces(),
        snapshots.examine(examination, files),
        unbound_snapshots.examine(examination),
        blobs.examine(examination),
    ):
        yield event
