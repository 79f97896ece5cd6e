"""ProjectService over gRPC."""

from __future__ import annotations

from uuid import uuid4

import pytest

from sluice import errors
from sluice.v1 import dataset_pb2, issue_pb2
from sluice.v1 import project_pb2 as pb
from tests.rpc.campaign.api import PROJECT, ApiClient, catch_error
from tests.rpc.conftest import Connect, WithScopes


async def test_a_project_is_made_and_read(api: ApiClient) -> None:
    """A project has the name, display name and time that Get, Create and List agree on."""
    request = pb.CreateProjectRequest(project_id="q", project=pb.Project(display_name="Quarry"))

    created = await api.projects.CreateProject(request)
    read = await api.projects.GetProject(pb.GetProjectRequest(name="projects/q"))
    listed = await api.projects.ListProjects(pb.ListProjectsRequest(page_size=1))
    rest = await api.projects.ListProjects(
        pb.ListProjectsRequest(page_size=1, page_token=listed.next_page_token)
    )

    assert ("projects/q", "Quarry") == (created.name, created.display_name)
    assert created.create_time.seconds > 1_700_000_000
    assert created == read
    assert ([PROJECT], [created], "") == (
        [project.name for project in listed.projects],
        list(rest.projects),
        rest.next_page_token,
    )


async def test_a_key_sees_its_own_project(api: ApiClient, with_scopes: WithScopes) -> None:
    """Another key than the admin's lists its own project only, and creates none."""
    await api.projects.CreateProject(pb.CreateProjectRequest(project_id="q"))
    own = ApiClient(await with_scopes(pb.SCOPE_ADMIN))

    listed = await own.projects.ListProjects(pb.ListProjectsRequest())
    error = await catch_error(own.projects.CreateProject(pb.CreateProjectRequest(project_id="r")))

    assert [PROJECT] == [project.name for project in listed.projects]
    assert isinstance(error, errors.PermissionDenied)


async def test_a_request_sent_again_is_answered_again(api: ApiClient) -> None:
    """Under one request id a project is made once, and answered alike."""
    request = pb.CreateProjectRequest(project_id="q", request_id=str(uuid4()))
    other = pb.CreateProjectRequest(project_id="r", request_id=request.request_id)
    loose = pb.CreateProjectRequest(project_id="r", request_id="again")

    assert await api.projects.CreateProject(request) == await api.projects.CreateProject(request)
    for wrong in (other, loose):
        error = await catch_error(api.projects.CreateProject(wrong))
        assert ["request_id"] == [field.field for field in error.fields]


@pytest.mark.parametrize(
    ("project_id", "expected"),
    [("p", errors.AlreadyExists), ("P", errors.InvalidArgument)],
)
async def test_a_wrong_id_is_refused(
    api: ApiClient, project_id: str, expected: type[errors.SluiceError]
) -> None:
    """An id that is taken or cannot be one is refused."""
    error = await catch_error(
        api.projects.CreateProject(pb.CreateProjectRequest(project_id=project_id))
    )

    assert (expected, True) == (type(error), "project_id" in error.message)


async def test_keys_are_made_listed_and_revoked(api: ApiClient, connect: Connect) -> None:
    """A key opens its project until it is deleted; its secret is never shown again."""
    api_key = pb.ApiKey(display_name="logger", scopes=[pb.SCOPE_LOG, pb.SCOPE_REVIEW])
    created = await api.projects.CreateApiKey(
        pb.CreateApiKeyRequest(parent=PROJECT, api_key=api_key)
    )
    await api.projects.CreateApiKey(pb.CreateApiKeyRequest(parent=PROJECT, api_key=api_key))
    opened = ApiClient(connect(created.secret))
    read = pb.GetProjectRequest(name=PROJECT)

    assert PROJECT == (await opened.projects.GetProject(read)).name
    first = await api.projects.ListApiKeys(pb.ListApiKeysRequest(parent=PROJECT, page_size=1))
    rest = await api.projects.ListApiKeys(
        pb.ListApiKeysRequest(parent=PROJECT, page_size=1, page_token=first.next_page_token)
    )
    listed = [*first.api_keys, *rest.api_keys]
    assert (2, "") == (len(listed), rest.next_page_token)
    assert created.api_key in listed
    assert {pb.SCOPE_LOG, pb.SCOPE_REVIEW} == set(created.api_key.scopes)
    assert created.secret not in str(listed)

    await api.projects.DeleteApiKey(pb.DeleteApiKeyRequest(name=created.api_key.name))
    assert isinstance(await catch_error(opened.projects.GetProject(read)), errors.Unauthenticated)
    again = await catch_error(
        api.projects.DeleteApiKey(pb.DeleteApiKeyRequest(name=created.api_key.name))
    )
    assert isinstance(again, errors.NotFound)


@pytest.mark.parametrize("scopes", [[], [pb.SCOPE_LOG, pb.SCOPE_UNSPECIFIED]])
async def test_a_key_needs_real_scopes(api: ApiClient, scopes: list[pb.Scope]) -> None:
    """A key without a scope, or with one that is none, is refused naming the field."""
    request = pb.CreateApiKeyRequest(parent=PROJECT, api_key=pb.ApiKey(scopes=scopes))

    error = await catch_error(api.projects.CreateApiKey(request))

    assert isinstance(error, errors.InvalidArgument)
    assert error.fields[0].field.startswith("api_key.scopes")


async def test_keys_need_their_project(api: ApiClient) -> None:
    """No key is made or listed for a project that does not exist."""
    key = pb.ApiKey(scopes=[pb.SCOPE_LOG])
    for call in (
        api.projects.CreateApiKey(pb.CreateApiKeyRequest(parent="projects/q", api_key=key)),
        api.projects.ListApiKeys(pb.ListApiKeysRequest(parent="projects/q")),
        api.projects.GetProject(pb.GetProjectRequest(name="projects/q")),
        api.datasets.ListDatasets(dataset_pb2.ListDatasetsRequest(parent="projects/q")),
        api.issues.ListIssues(issue_pb2.ListIssuesRequest(parent="projects/q")),
    ):
        error = await catch_error(call)
        assert (errors.NotFound, "projects/q does not exist") == (type(error), error.message)
