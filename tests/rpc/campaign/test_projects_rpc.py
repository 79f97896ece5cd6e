"""ProjectService and DatasetService over gRPC."""

from __future__ import annotations

from uuid import uuid4

import grpc
import pytest

from sluice import errors
from sluice.v1 import dataset_pb2, frame_pb2, issue_pb2
from sluice.v1 import project_pb2 as pb
from tests.rpc.campaign.api import DATASET, PROJECT, Api, refusal
from tests.rpc.conftest import Connect, WithScopes


async def test_a_project_is_made_and_read(api: Api) -> None:
    """A project has the name, display name and time that Get, Create and List agree on."""
    wanted = pb.CreateProjectRequest(project_id="q", project=pb.Project(display_name="Quarry"))

    made = await api.projects.CreateProject(wanted)
    read = await api.projects.GetProject(pb.GetProjectRequest(name="projects/q"))
    listed = await api.projects.ListProjects(pb.ListProjectsRequest(page_size=1))
    rest = await api.projects.ListProjects(
        pb.ListProjectsRequest(page_size=1, page_token=listed.next_page_token)
    )

    assert ("projects/q", "Quarry") == (made.name, made.display_name)
    assert made.create_time.seconds > 1_700_000_000
    assert made == read
    assert ([PROJECT], [made], "") == (
        [project.name for project in listed.projects],
        list(rest.projects),
        rest.next_page_token,
    )


async def test_a_key_sees_its_own_project(api: Api, with_scopes: WithScopes) -> None:
    """Another key than the admin's lists its own project only, and creates none."""
    await api.projects.CreateProject(pb.CreateProjectRequest(project_id="q"))
    own = Api(await with_scopes(pb.SCOPE_ADMIN))

    listed = await own.projects.ListProjects(pb.ListProjectsRequest())
    error = await refusal(own.projects.CreateProject(pb.CreateProjectRequest(project_id="r")))

    assert [PROJECT] == [project.name for project in listed.projects]
    assert isinstance(error, errors.PermissionDenied)


async def test_a_request_sent_again_is_answered_again(api: Api) -> None:
    """Under one request id a project is made once, and answered alike."""
    wanted = pb.CreateProjectRequest(project_id="q", request_id=str(uuid4()))
    other = pb.CreateProjectRequest(project_id="r", request_id=wanted.request_id)
    loose = pb.CreateProjectRequest(project_id="r", request_id="again")

    assert await api.projects.CreateProject(wanted) == await api.projects.CreateProject(wanted)
    for wrong in (other, loose):
        error = await refusal(api.projects.CreateProject(wrong))
        assert ["request_id"] == [field.field for field in error.fields]


@pytest.mark.parametrize(
    ("project_id", "expected"),
    [("p", errors.AlreadyExists), ("P", errors.InvalidArgument)],
)
async def test_a_wrong_id_is_refused(
    api: Api, project_id: str, expected: type[errors.SluiceError]
) -> None:
    """An id that is taken or cannot be one is refused."""
    error = await refusal(
        api.projects.CreateProject(pb.CreateProjectRequest(project_id=project_id))
    )

    assert (expected, True) == (type(error), "project_id" in error.message)


async def test_keys_are_made_listed_and_revoked(api: Api, connect: Connect) -> None:
    """A key opens its project until it is deleted; its secret is never shown again."""
    wanted = pb.ApiKey(display_name="logger", scopes=[pb.SCOPE_LOG, pb.SCOPE_REVIEW])
    made = await api.projects.CreateApiKey(pb.CreateApiKeyRequest(parent=PROJECT, api_key=wanted))
    await api.projects.CreateApiKey(pb.CreateApiKeyRequest(parent=PROJECT, api_key=wanted))
    opened = Api(connect(made.secret))
    read = pb.GetProjectRequest(name=PROJECT)

    assert PROJECT == (await opened.projects.GetProject(read)).name
    first = await api.projects.ListApiKeys(pb.ListApiKeysRequest(parent=PROJECT, page_size=1))
    rest = await api.projects.ListApiKeys(
        pb.ListApiKeysRequest(parent=PROJECT, page_size=1, page_token=first.next_page_token)
    )
    listed = [*first.api_keys, *rest.api_keys]
    assert (2, "") == (len(listed), rest.next_page_token)
    assert made.api_key in listed
    assert {pb.SCOPE_LOG, pb.SCOPE_REVIEW} == set(made.api_key.scopes)
    assert made.secret not in str(listed)

    await api.projects.DeleteApiKey(pb.DeleteApiKeyRequest(name=made.api_key.name))
    assert isinstance(await refusal(opened.projects.GetProject(read)), errors.Unauthenticated)
    again = await refusal(api.projects.DeleteApiKey(pb.DeleteApiKeyRequest(name=made.api_key.name)))
    assert isinstance(again, errors.NotFound)


@pytest.mark.parametrize("scopes", [[], [pb.SCOPE_LOG, pb.SCOPE_UNSPECIFIED]])
async def test_a_key_needs_real_scopes(api: Api, scopes: list[pb.Scope]) -> None:
    """A key without a scope, or with one that is none, is refused naming the field."""
    request = pb.CreateApiKeyRequest(parent=PROJECT, api_key=pb.ApiKey(scopes=scopes))

    error = await refusal(api.projects.CreateApiKey(request))

    assert isinstance(error, errors.InvalidArgument)
    assert error.fields[0].field.startswith("api_key.scopes")


async def test_keys_need_their_project(api: Api) -> None:
    """No key is made or listed for a project that does not exist."""
    key = pb.ApiKey(scopes=[pb.SCOPE_LOG])
    for call in (
        api.projects.CreateApiKey(pb.CreateApiKeyRequest(parent="projects/q", api_key=key)),
        api.projects.ListApiKeys(pb.ListApiKeysRequest(parent="projects/q")),
        api.projects.GetProject(pb.GetProjectRequest(name="projects/q")),
        api.datasets.ListDatasets(dataset_pb2.ListDatasetsRequest(parent="projects/q")),
        api.issues.ListIssues(issue_pb2.ListIssuesRequest(parent="projects/q")),
    ):
        error = await refusal(call)
        assert (errors.NotFound, "projects/q does not exist") == (type(error), error.message)


async def test_a_dataset_is_made_and_read(api: Api) -> None:
    """A dataset comes back as it was made: task type, classes, colours."""
    classes = [
        dataset_pb2.LabelClass(id=3, name="road", colour="#00ff7f"),
        dataset_pb2.LabelClass(id=0, name="sky"),
    ]
    wanted = dataset_pb2.Dataset(task_type=frame_pb2.TASK_TYPE_SEMSEG_2D, classes=classes)

    made = await api.datasets.CreateDataset(
        dataset_pb2.CreateDatasetRequest(parent=PROJECT, dataset_id="masks", dataset=wanted)
    )
    read = await api.datasets.GetDataset(dataset_pb2.GetDatasetRequest(name=made.name))
    listed = await api.datasets.ListDatasets(dataset_pb2.ListDatasetsRequest(parent=PROJECT))

    assert ("projects/p/datasets/masks", "masks") == (made.name, made.display_name)
    assert (frame_pb2.TASK_TYPE_SEMSEG_2D, classes) == (made.task_type, list(made.classes))
    assert made == read
    assert [DATASET, made.name] == [dataset.name for dataset in listed.datasets]


@pytest.mark.parametrize("task_type", [frame_pb2.TASK_TYPE_UNSPECIFIED, 99])
async def test_a_dataset_needs_a_task_type(api: Api, task_type: frame_pb2.TaskType) -> None:
    """A dataset without a task type that exists is refused, and the accepted ones are named."""
    error = await refusal(
        api.datasets.CreateDataset(
            dataset_pb2.CreateDatasetRequest(
                parent=PROJECT, dataset_id="e", dataset=dataset_pb2.Dataset(task_type=task_type)
            )
        )
    )

    assert isinstance(error, errors.InvalidArgument)
    assert "dataset.task_type" == error.fields[0].field
    assert "TASK_TYPE_BOX_2D" in error.message


async def test_names_are_read_strictly(admin: grpc.aio.Channel, api: Api) -> None:
    """A name of another form is refused with the form that would be accepted."""
    error = await refusal(
        api.datasets.GetDataset(dataset_pb2.GetDatasetRequest(name="projects/p/issues/d"))
    )

    assert "projects/{project}/datasets/{dataset}" in error.message
