"""Projects: the tenants."""

from __future__ import annotations

from services.campaign.records import (
    ProjectRecord,
    project_key,
)
from services.ledger.interface import ABSENT, Conflict, Transaction
from services.records.documents import read_record, read_records
from services.records.idempotency import IdempotentRequest, commit_once, find_response
from services.records.pages import Page
from services.records.records import encode, now_us, prefix
from services.records.stores import Stores
from services.server.keys import PARTITION, Caller
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
    creation = Transaction(PARTITION, checks={key: ABSENT}, puts={key: encode(record)})
    try:
        return await commit_once(stores.ledger, creation, request, record)
    except Conflict as conflict:
        raise AlreadyExists(f"project_id: {ProjectName(project)} already exists") from conflict


async def get_project(stores: Stores, name: ProjectName) -> ProjectRecord:
    """A project; raises NotFound naming it if it does not exist."""
    stored = await read_record(
        stores.ledger, PARTITION, project_key(name.project), ProjectRecord, name
    )
    return stored.record


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
