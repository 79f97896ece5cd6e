"""Everything of a project that the campaign service keeps, compared and, if wanted, mended."""

from __future__ import annotations

from services.campaign.doctor import blobs, elements, leftovers, snapshots, unbound, versions
from services.campaign.doctor.files import Files
from services.campaign.doctor.reading import Examination
from services.campaign.projects import get_project
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
    this = Examination(stores, name.project, repair, now_us() if started_us is None else started_us)
    files = Files(this)
    for events in (
        versions.examine(this),
        elements.examine(this),
        leftovers.examine(this),
        files.examine_spaces(),
        snapshots.examine(this, files),
        unbound.examine(this),
        blobs.examine(this),
    ):
        async for event in events:
            yield event
