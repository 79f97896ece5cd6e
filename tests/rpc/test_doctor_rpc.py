"""The doctor over gRPC: every service that keeps something, right keys only, quiet at work."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from services.doctor.findings import FindingKind, FindingOutcome
from sluice import errors, rpc_errors
from sluice.v1 import finding_pb2 as pb
from sluice.v1 import project_pb2
from sluice.v1.campaign_pb2_grpc import CampaignServiceStub
from sluice.v1.dataset_frame_pb2_grpc import FrameServiceStub
from sluice.v1.ingest_pb2_grpc import IngestServiceStub
from sluice.v1.project_pb2_grpc import ProjectServiceStub
from tests.rpc.conftest import WithScopes
from tests.rpc.curation.api import Api
from tests.rpc.ingest.logger import Logger

SERVICES = [CampaignServiceStub, IngestServiceStub, FrameServiceStub]


@pytest.fixture
async def logger(admin: grpc.aio.Channel, project: str) -> Logger:
    """A logger whose campaign runs."""
    found = Logger(admin)
    await found.start_campaign()
    return found


async def events(stub: Any, name: str, *, repair: bool = False) -> list[pb.DiagnoseProjectResponse]:
    """All that an examination says."""
    call = stub.DiagnoseProject(pb.DiagnoseProjectRequest(name=name, repair=repair))
    return [event async for event in call]


async def refusal(stub: Any, name: str) -> errors.SluiceError:
    """What an examination is refused with."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await events(stub, name)
    return rpc_errors.from_rpc_error(raised.value)


@pytest.mark.parametrize("stub", SERVICES)
async def test_a_server_at_work_is_healthy(
    logger: Logger, admin: grpc.aio.Channel, stub: Any
) -> None:
    """Progress and no finding, while matches and frames of a dataset are on their way."""
    for number in range(5):
        await logger.submit(f"h{number}", f"x{number}")
        await Api(admin).append(f"d{number}")
        found = await events(stub(admin), "projects/p", repair=number % 2 == 1)
        assert {"progress"} == {event.WhichOneof("event") for event in found}
    assert 5 == (await logger.settled()).matches


@pytest.mark.parametrize("stub", SERVICES)
@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("projects/none", errors.NotFound),
        ("nonsense", errors.InvalidArgument),
        ("projects/p/campaigns/c", errors.InvalidArgument),
    ],
)
async def test_a_name_that_is_wrong(
    admin: grpc.aio.Channel, project: str, stub: Any, name: str, error: type[errors.SluiceError]
) -> None:
    """What is no project is refused, naming it."""
    refused = await refusal(stub(admin), name)
    assert error is type(refused)
    assert name.rpartition("/")[2] in refused.message


@pytest.mark.parametrize("stub", SERVICES)
async def test_a_key_of_another_project(
    admin: grpc.aio.Channel, with_scopes: WithScopes, stub: Any
) -> None:
    """A key opens its own project only, an admin's of it too."""
    request = project_pb2.CreateProjectRequest(project_id="other")
    await ProjectServiceStub(admin).CreateProject(request)
    stranger = await with_scopes(project_pb2.SCOPE_ADMIN, project="projects/other")
    assert "FOREIGN_PROJECT" == (await refusal(stub(stranger), "projects/p")).reason
    assert all(e.HasField("progress") for e in await events(stub(stranger), "projects/other"))


def test_the_words_are_those_of_the_api() -> None:
    """Kinds and outcomes have the numbers and names of the proto."""
    kinds = {f"FINDING_KIND_{kind.name}": kind.value for kind in FindingKind}
    outcomes = {f"FINDING_OUTCOME_{outcome.name}": outcome.value for outcome in FindingOutcome}
    assert {"FINDING_KIND_UNSPECIFIED": 0, **kinds} == dict(pb.FindingKind.items())
    assert {"FINDING_OUTCOME_UNSPECIFIED": 0, **outcomes} == dict(pb.FindingOutcome.items())
