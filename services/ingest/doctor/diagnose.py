"""Everything of a project that ingest keeps, compared and, if asked, repaired."""

from __future__ import annotations

from services.doctor.examination import run_examiners
from services.doctor.findings import ExaminationEvents
from services.ingest.context import Ingest
from services.ingest.doctor import census, orphans, outbox, rows
from services.ingest.doctor.reading import Match
from sluice.names import ProjectName


async def diagnose(ingest: Ingest, name: ProjectName, *, repair: bool) -> ExaminationEvents:
    """Every difference between rows, counters, outbox and samples, confirmed by a second look.

    The counters come last: repairs before them change what they must be. Raises NotFound
    for a project that does not exist.
    """
    project = name.project
    await ingest.active.current(project)
    waiting: set[Match] = set()
    async for event in run_examiners(
        outbox.examine(ingest, project, repair=repair, waiting=waiting),
        rows.examine(ingest, project, repair=repair, waiting=waiting),
        orphans.examine(ingest, project, repair=repair),
        census.examine(ingest, project, repair=repair),
    ):
        yield event
