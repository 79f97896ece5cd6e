"""Deleting a project with everything in it; see docs/adr/0026-deleting-projects.md.

First the project is marked, so that nothing is stored in it any more. Then its keys are revoked,
the other services remove what only they know, and files, vectors and records are deleted. At last
the project's entry gives way to a tombstone. Each step can be repeated, so an interrupted deletion
is completed by the same request, or by the doctor.
"""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import structs

from services.campaign.blob_references import read_all_references, read_references, read_versions
from services.campaign.projects import find_tombstone, get_project
from services.campaign.records import (
    GENERATION,
    IssueRecord,
    ProjectRecord,
    ProjectTombstone,
    project_key,
    project_tombstone_key,
)
from services.ledger.interface import Add, Transaction
from services.peers.resource_purges import ResourcePurges
from services.records.documents import StoredRecord, find_record, read_record, retry
from services.records.idempotency import forget_responses
from services.records.project_marks import MARK, ProjectMark, delete_records, find_mark, put_mark
from services.records.records import decode, encode, now_us, prefix
from services.records.scanning import list_children, scan_pages
from services.records.stores import Stores
from services.records.tombstones import DeletionCounts
from services.server.keys import PARTITION, count_keys, revoke_keys
from sluice.names import ProjectName


async def delete_project(
    stores: Stores, purges: ResourcePurges, name: ProjectName, *, validate_only: bool
) -> DeletionCounts:
    """Delete a project; the answer is the same when it is called again.

    Raises NotFound for a project that never existed, and Unavailable while another service is away;
    the deletion may have begun then, and is completed by the same call or by the doctor.
    """
    mark = await find_mark(stores.ledger, name.project)
    if mark is None:
        await get_project(stores, name)
        counts = await _count(stores, name)
        counts += await purges.purge_project(name, validate_only=True)
        if validate_only:
            return counts
        mark = await retry(lambda: _mark(stores, name, counts), name)
    if not validate_only and await find_tombstone(stores, name) is None:
        await finish_deletion(stores, purges, name)
    return mark.record.counts


async def finish_deletion(stores: Stores, purges: ResourcePurges, name: ProjectName) -> None:
    """Remove everything that is left of a marked project, and put its tombstone."""
    await retry(lambda: _refuse_calls(stores, name), name)
    await revoke_keys(stores.ledger, name.project)
    await purges.purge_project(name, validate_only=False)
    # Records name the files and vectors, so they are deleted last.
    await _delete_files(stores, name)
    for collection in await stores.vectors.collections(name.project):
        await stores.vectors.drop(collection)
    await delete_records(stores.ledger, name.project)
    await _put_tombstone(stores, name)


async def _mark(
    stores: Stores, name: ProjectName, counts: DeletionCounts
) -> StoredRecord[ProjectMark]:
    """The mark of a project, put now if it has none."""
    ledger, project = stores.ledger, name.project
    if await find_mark(ledger, project) is None:
        # The new generation ends all watches of the project.
        mark = ProjectMark(deleted_us=now_us(), counts=counts)
        await put_mark(ledger, project, mark, {GENERATION: Add(1)})
    return await read_record(ledger, project, MARK, ProjectMark, name)


async def _refuse_calls(stores: Stores, name: ProjectName) -> None:
    """Mark the project's entry too: its calls are refused, and it gets no new keys."""
    key = project_key(name.project)
    stored = await find_record(stores.ledger, PARTITION, key, ProjectRecord)
    if stored is None or stored.record.deleted_us:
        return
    mark = await read_record(stores.ledger, name.project, MARK, ProjectMark, name)
    deleted = structs.replace(stored.record, deleted_us=mark.record.deleted_us)
    checks = {key: stored.revision}
    await stores.ledger.commit(Transaction(PARTITION, checks, {key: encode(deleted)}))


async def _delete_files(stores: Stores, name: ProjectName) -> None:
    """Delete the files that only deleted projects name, unless they were put since."""
    moment = datetime.now(UTC)
    digests = await read_all_references(stores.ledger, name.project)
    referenced = await read_references(stores.ledger) if digests else None
    for digest in digests:
        if referenced is not None and digest not in referenced:
            await stores.blobs.delete_before(digest, moment)


async def _put_tombstone(stores: Stores, name: ProjectName) -> None:
    await forget_responses(
        stores.ledger,
        PARTITION,
        "CreateProject",
        ProjectRecord,
        lambda project: project.id == name.project,
    )
    mark = await read_record(stores.ledger, name.project, MARK, ProjectMark, name)
    tombstone = encode(ProjectTombstone(deleted_us=mark.record.deleted_us))
    puts = {project_tombstone_key(name.project): tombstone}
    deletes = [project_key(name.project)]
    await stores.ledger.commit(Transaction(PARTITION, puts=puts, deletes=deletes))


async def _count(stores: Stores, name: ProjectName) -> DeletionCounts:
    """What the deletion of a project removes from this service."""
    ledger, project = stores.ledger, name.project
    issues = [
        decode(IssueRecord, entry)
        async for page in scan_pages(ledger, project, prefix("issue"))
        for entry in page
    ]
    versions = [
        version
        for campaign in await list_children(ledger, project, "version")
        for version in await read_versions(ledger, project, campaign)
        if not version.deleted_us
    ]
    return DeletionCounts(
        campaigns=len(await list_children(ledger, project, "campaign")),
        issues=len(issues),
        datasets=len(await list_children(ledger, project, "dataset")),
        elements=sum(issue.element_count for issue in issues),
        members=sum(v.element_count + v.negative_count - v.purged_count for v in versions),
        keys=await count_keys(ledger, project),
    )
