"""The mark of a deleted project: from then on, nothing is stored in the project any more.

The key `deleted-project` in the partition of the project holds it, and stays for good. The guarded
stores refuse changes of a marked project; a transaction that checks the mark itself belongs to the
deletion, and passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.ledger.interface import ABSENT, Add, Ledger, Transaction
from services.records.documents import StoredRecord, find_record, read_record
from services.records.records import Record, encode
from services.records.scanning import scan_pages
from services.records.tombstones import DeletionCounts
from sluice.errors import FailedPrecondition, NotFound
from sluice.names import ProjectName

MARK: Final = "deleted-project"
"""Key of the mark."""


class ProjectMark(Record, frozen=True, kw_only=True):
    """When the deletion of a project began, and what it removes."""

    deleted_us: int
    counts: DeletionCounts = DeletionCounts()


async def find_mark(ledger: Ledger, project: str) -> StoredRecord[ProjectMark] | None:
    """The mark of a project, if its deletion has begun."""
    return await find_record(ledger, project, MARK, ProjectMark)


async def put_mark(
    ledger: Ledger, project: str, mark: ProjectMark, adds: Mapping[str, Add]
) -> None:
    """Mark a project as deleted, and change counters; raises Conflict if it is marked already."""
    puts = {MARK: encode(mark)}
    await ledger.commit(Transaction(project, checks={MARK: ABSENT}, puts=puts, adds=adds))


async def is_marked(ledger: Ledger, project: str) -> bool:
    """Whether the deletion of a project has begun."""
    return bool(await ledger.get(project, [MARK]))


async def check_marked(ledger: Ledger, project: str) -> None:
    """Raise FailedPrecondition unless the deletion of a project has begun."""
    if not await is_marked(ledger, project):
        name = ProjectName(project)
        raise FailedPrecondition(f"{name} is not being deleted: call DeleteProject first")


async def has_records(ledger: Ledger, project: str) -> bool:
    """Whether a marked project has any record besides its mark."""
    entries = await ledger.scan(project, "", limit=2)
    return any(entry.key != MARK for entry in entries)


async def delete_records(ledger: Ledger, project: str) -> None:
    """Delete all records of a marked project except its mark; counters stay.

    Raises NotFound for a project without a mark.
    """
    mark = await read_record(ledger, project, MARK, ProjectMark, f"the mark of {project!r}")
    checks = {MARK: mark.revision}
    async for page in scan_pages(ledger, project, ""):
        deletes = [entry.key for entry in page if entry.key != MARK]
        if deletes:
            await ledger.commit(Transaction(project, checks=checks, deletes=deletes))


def deleted_error(project: str) -> NotFound:
    """The error for a call to a deleted project."""
    return NotFound(f"{ProjectName(project)} does not exist: it was deleted")
