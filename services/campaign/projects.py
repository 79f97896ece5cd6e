"""Projects: the tenants."""

from __future__ import annotations

from collections.abc import Sequence

from services.campaign.records import (
    ProjectRecord,
    ProjectTombstone,
    project_key,
    project_tombstone_key,
)
from services.ledger.interface import ABSENT, Conflict, Transaction
from services.records.documents import StoredRecord, find_record, read_records, retry
from services.records.idempotency import IdempotentRequest, commit_once, find_response
from services.records.pages import Page
from services.records.project_marks import deleted_error
from services.records.records import decode, encode, now_us, prefix
from services.records.stores import Stores
from services.server.keys import PARTITION, Caller, KeyStore, NewKey, Scope
from sluice.checks import check_text
from sluice.errors import AlreadyExists, NotFound
from sluice.names import ProjectName, check_resource_id


async def create_project(
    stores: Stores, request: IdempotentRequest, project: str, display_name: str
) -> ProjectRecord:
    """Create a project; its display name defaults to its id.

    Raises AlreadyExists naming the project.
    """
    check_resource_id(project, "project_id")
    check_text("project.display_name", display_name, empty=True)
    if response := await find_response(stores.ledger, PARTITION, request, ProjectRecord):
        return response
    record = ProjectRecord(id=project, display_name=display_name or project, created_us=now_us())
    key = project_key(project)
    checks = {key: ABSENT, project_tombstone_key(project): ABSENT}
    creation = Transaction(PARTITION, checks, {key: encode(record)})
    try:
        return await commit_once(stores.ledger, creation, request, record)
    except Conflict as conflict:
        if await find_tombstone(stores, ProjectName(project)):
            problem = f"project_id: {project!r} was deleted, and its id is not used again"
            raise AlreadyExists(problem) from conflict
        raise AlreadyExists(f"project_id: {ProjectName(project)} already exists") from conflict


async def get_project(stores: Stores, name: ProjectName) -> ProjectRecord:
    """A project; raises NotFound naming it if it does not exist, or is deleted."""
    return (await _read_project(stores, name)).record


async def create_api_key(
    stores: Stores, keys: KeyStore, name: ProjectName, display_name: str, scopes: Sequence[Scope]
) -> NewKey:
    """Create a key of a project; raises NotFound if it does not exist, or is deleted."""

    async def attempt() -> NewKey:
        stored = await _read_project(stores, name)
        checks = {project_key(name.project): stored.revision}
        return await keys.create(name.project, display_name, scopes, checks)

    return await retry(attempt, name)


async def find_tombstone(stores: Stores, name: ProjectName) -> ProjectTombstone | None:
    """The tombstone of a project that is completely deleted."""
    key = project_tombstone_key(name.project)
    stored = await find_record(stores.ledger, PARTITION, key, ProjectTombstone)
    return stored.record if stored else None


async def list_projects(
    stores: Stores, caller: Caller, page: Page
) -> tuple[list[ProjectRecord], str]:
    """A page of the projects that the caller may see, ordered by name, and the next page token."""
    if not caller.project:
        return await read_records(stores.ledger, PARTITION, prefix("project"), ProjectRecord, page)
    try:
        return [await get_project(stores, ProjectName(caller.project))], ""
    except NotFound:
        return [], ""


async def _read_project(stores: Stores, name: ProjectName) -> StoredRecord[ProjectRecord]:
    key, tombstone = project_key(name.project), project_tombstone_key(name.project)
    entries = await stores.ledger.get(PARTITION, [key, tombstone])
    if tombstone in entries:
        raise deleted_error(name.project)
    if key not in entries:
        raise NotFound(f"{name} does not exist")
    project = decode(ProjectRecord, entries[key])
    if project.deleted_us:
        raise deleted_error(name.project)
    return StoredRecord(project, entries[key].revision)
