"""Projects: their names, and who may see them."""

from __future__ import annotations

from uuid import uuid4

import pytest

from services.campaign.projects import create_project, get_project, list_projects
from services.records.idempotency import IdempotentRequest
from services.server.keys import Caller, Scope
from sluice.errors import AlreadyExists, InvalidArgument
from sluice.names import ProjectName
from tests.unit.campaign.campaign_service import (
    ALL,
    ONCE,
    PROJECT,
    CampaignService,
    make_page,
)

ADMIN = Caller("k", "", frozenset(Scope))


async def test_a_project_is_called_by_its_id(service: CampaignService) -> None:
    """A project's display name defaults to its id."""
    named = await create_project(service.stores, ONCE, "q", "Quarry")
    bare = await create_project(service.stores, ONCE, "r", "")

    assert ("Quarry", "r") == (named.display_name, bare.display_name)
    assert named == await get_project(service.stores, ProjectName("q"))


@pytest.mark.parametrize("id", ["", "P", "1p", "_system", "p" * 64, "p/q"])
async def test_a_project_id_is_plain(service: CampaignService, id: str) -> None:
    """An id that cannot stand in every resource name is refused, and named."""
    with pytest.raises(InvalidArgument, match="project_id: "):
        await create_project(service.stores, ONCE, id, "")


async def test_a_display_name_is_short(service: CampaignService) -> None:
    """A display name over 256 bytes of UTF-8 is refused."""
    await create_project(service.stores, ONCE, "q", "é" * 128)

    with pytest.raises(InvalidArgument, match=r"project\.display_name: .* 258 bytes; at most 256"):
        await create_project(service.stores, ONCE, "r", "é" * 129)


async def test_a_project_id_is_taken_once(service: CampaignService) -> None:
    """A second project of one id is refused, naming it."""
    with pytest.raises(AlreadyExists, match="projects/p already exists"):
        await create_project(service.stores, ONCE, PROJECT.project, "")


async def test_a_request_sent_again_gets_the_first_response(service: CampaignService) -> None:
    """A creation under one request id happens once; the id is not for anything else."""
    request = IdempotentRequest.of("CreateProject", str(uuid4()), b"q")

    first = await create_project(service.stores, request, "q", "")
    again = await create_project(service.stores, request, "q", "")

    assert first == again
    with pytest.raises(InvalidArgument, match="request_id: "):
        await create_project(
            service.stores, IdempotentRequest.of(request.method, request.id, b"r"), "r", ""
        )


async def test_a_caller_sees_its_projects(service: CampaignService) -> None:
    """The admin's key sees all projects by name, another key its own."""
    for id in ("b", "a"):
        await create_project(service.stores, ONCE, id, "")

    first, token = await list_projects(service.stores, ADMIN, make_page(2))
    rest, end = await list_projects(service.stores, ADMIN, make_page(2, token))
    own, _ = await list_projects(service.stores, Caller("k", "b", frozenset()), ALL)
    none, _ = await list_projects(service.stores, Caller("k", "gone", frozenset()), ALL)

    assert (["a", "b"], ["p"], "") == ([p.id for p in first], [p.id for p in rest], end)
    assert (["b"], []) == ([p.id for p in own], none)
