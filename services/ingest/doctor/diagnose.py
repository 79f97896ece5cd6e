"""Everything of a project that ingest keeps, compared and, if asked, repaired."""

from __future__ import annotations

from services.doctor.examination import run_examiners
from services.doctor.findings import ExaminationEvents
from services.ingest.context import Ingest
from services.ingest.doctor import census, orphans, outbox, rows
from services.ingest.doctor.reading import Match
from services.records.project_marks import is_marked
from sluice.names import ProjectName


async def diagnose(ingest: Ingest, name: ProjectName, *, repair: bool) -> ExaminationEvents:
    """Every difference between rows, counters, outbox and samples, confirmed by a second look.

    The counters come last: repairs before them change what they must be. Nothing is reported of a
    deleted project: the campaign service examines it. Raises NotFound for one that never existed.
    """
    project = name.project
    if await is_marked(ingest.stores.ledger, project):
        return
    await ingest.active.current(project)
    waiting: set[Match] = set()
    async for event in run_examiners(
        outbox.examine(ingest, project, repair=repair, waiting=waiting),
        rows.examine(ingest, project, repair=repair, waiting=waiting),
        orphans.examine(ingest, project, repair=repair),
        census.examine(ingest, project, repair=repair),
    ):
        yield event
