"""What curation knows of a project, apart from its records and vectors, when it is deleted."""

from __future__ import annotations

from datetime import UTC, datetime

from services.curation.context import Curation
from services.curation.named_files import read_files
from services.curation.records import DatasetFrames
from services.curation.resource_deletion import ResourceTombstone, count_keys
from services.ledger.interface import Ledger
from services.records.project_marks import check_marked
from services.records.records import decode
from services.records.scanning import scan_pages
from services.records.tombstones import DeletionCounts
from sluice.names import ProjectName


async def purge_project(
    curation: Curation, name: ProjectName, *, validate_only: bool
) -> DeletionCounts:
    """Delete the files of a marked project, or count what it has; can be repeated.

    The campaign service deletes records and vectors of the whole project, after the files. Raises
    FailedPrecondition for a project that is not being deleted.
    """
    ledger, moment = curation.stores.ledger, datetime.now(UTC)
    if validate_only:
        return await _count(ledger, name.project)
    await check_marked(ledger, name.project)
    files = await read_files(ledger, name.project)
    async for page in scan_pages(ledger, name.project, "deleted/"):
        files.update(file for entry in page for file in decode(ResourceTombstone, entry).files)
    named: set[str] = set()
    for other in await curation.others.projects.list() if files else ():
        named |= await read_files(ledger, other)
    for digest in files - named:
        await curation.stores.blobs.delete_before(digest, moment)
    return DeletionCounts()


async def _count(ledger: Ledger, project: str) -> DeletionCounts:
    frames = 0
    async for page in scan_pages(ledger, project, "dataset-frames/"):
        frames += sum(decode(DatasetFrames, entry).remaining for entry in page)
    return DeletionCounts(
        frames=frames,
        predictions=await count_keys(ledger, project, "prediction/"),
        picks=await count_keys(ledger, project, "pick/"),
        checks=await count_keys(ledger, project, "golden-check/"),
        rounds=await count_keys(ledger, project, "round/"),
        batches=await count_keys(ledger, project, "batch/"),
        golden_sets=await count_keys(ledger, project, "golden-set/"),
    )
