"""Projects: the tenants."""

from __future__ import annotations

from services.campaign.records import (
    Project,
    project_key,
)
from services.ledger.interface import ABSENT, Conflict, Transaction
from services.platform.documents import read, read_page
from services.platform.keys import PARTITION, Caller
from services.platform.pages import Page
from services.platform.records import encode, now_us, prefix
from services.platform.requests import Request, commit_once, first_response
from services.platform.stores import Stores
from sluice.checks import check_text
from sluice.errors import AlreadyExists, NotFound
from sluice.names import ProjectName, check_resource_id


async def create_project(
    stores: Stores, request: Request, project: str, display_name: str
) -> Project:
    """Create a project; its display name defaults to its id.

    Raises AlreadyExists naming it.
    """
    check_resource_id(project, "project_id")
    check_text("project.display_name", display_name, empty=True)
    if first := await first_response(stores.ledger, PARTITION, request, Project):
        return first
    record = Project(id=project, display_name=display_name or project, created_us=now_us())
    where = project_key(project)
    creation = Transaction(PARTITION, checks={where: ABSENT}, puts={where: encode(record)})
    try:
        return await commit_once(stores.ledger, creation, request, record)
    except Conflict as conflict:
        raise AlreadyExists(f"project_id: {ProjectName(project)} exists already") from conflict


async def get_project(stores: Stores, name: ProjectName) -> Project:
    """A project; NotFound naming it if there is none."""
    found = await read(stores.ledger, PARTITION, project_key(name.project), Project, name)
    return found.record


async def list_projects(stores: Stores, caller: Caller, page: Page) -> tuple[list[Project], str]:
    """A page of the projects that the caller may see, by name, and the next one's token."""
    if not caller.project:
        return await read_page(stores.ledger, PARTITION, prefix("project"), Project, page)
    try:
        return [await get_project(stores, ProjectName(caller.project))], ""
    except NotFound:
        return [], ""
