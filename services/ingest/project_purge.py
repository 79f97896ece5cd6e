"""What ingest knows of a project, apart from its records and vectors, when it is deleted."""

from __future__ import annotations

from services.ingest.context import Ingest
from services.ingest.projects import forget_project
from services.ingest.records import Row
from services.records.project_marks import check_marked
from services.records.records import decode
from services.records.scanning import scan_pages
from services.records.tombstones import DeletionCounts
from sluice.names import ProjectName


async def purge_project(
    ingest: Ingest, name: ProjectName, *, validate_only: bool
) -> DeletionCounts:
    """Stop looking for work in a marked project, or count its matches; can be repeated.

    The campaign service deletes records and vectors of the whole project. Raises FailedPrecondition
    for a project that is not being deleted.
    """
    ledger = ingest.stores.ledger
    unpurged = 0
    if validate_only:
        async for page in scan_pages(ledger, name.project, "row/"):
            unpurged += sum(not decode(Row, entry).purged_us for entry in page)
        return DeletionCounts(samples=unpurged)
    await check_marked(ledger, name.project)
    await forget_project(ledger, name.project)
    return DeletionCounts()
