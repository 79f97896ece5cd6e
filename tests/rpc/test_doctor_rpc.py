"""The doctor over gRPC: it finds nothing on a healthy server, and requires an admin's key."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

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
    """A logger with an active campaign."""
    logger = Logger(admin)
    await logger.start_campaign()
    return logger


async def diagnose(
    stub: Any, name: str, *, repair: bool = False
) -> list[pb.DiagnoseProjectResponse]:
    """All events of an examination."""
    call = stub.DiagnoseProject(pb.DiagnoseProjectRequest(name=name, repair=repair))
    return [event async for event in call]


async def diagnose_error(stub: Any, name: str) -> errors.SluiceError:
    """The error of an examination that is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await diagnose(stub, name)
    return rpc_errors.from_rpc_error(raised.value)


@pytest.mark.parametrize("stub", SERVICES)
async def test_a_server_at_work_is_healthy(
    logger: Logger, admin: grpc.aio.Channel, stub: Any
) -> None:
    """An examination reports progress and no finding while frames are being processed."""
    for number in range(5):
        await logger.submit(f"h{number}", f"x{number}")
        await Api(admin).append(f"d{number}")
        events = await diagnose(stub(admin), "projects/p", repair=number % 2 == 1)
        assert {"progress"} == {event.WhichOneof("event") for event in events}
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
async def test_a_wrong_name_is_refused(
    admin: grpc.aio.Channel, project: str, stub: Any, name: str, error: type[errors.SluiceError]
) -> None:
    """A malformed or unknown project name is refused, and named in the message."""
    raised = await diagnose_error(stub(admin), name)
    assert error is type(raised)
    assert name.rpartition("/")[2] in raised.message


@pytest.mark.parametrize("stub", SERVICES)
async def test_a_key_of_another_project_is_refused(
    admin: grpc.aio.Channel, with_scopes: WithScopes, stub: Any
) -> None:
    """A key is limited to its own project, also one with the scope admin."""
    request = project_pb2.CreateProjectRequest(project_id="other")
    await ProjectServiceStub(admin).CreateProject(request)
    other_admin = await with_scopes(project_pb2.SCOPE_ADMIN, project="projects/other")
    assert "FOREIGN_PROJECT" == (await diagnose_error(stub(other_admin), "projects/p")).reason
    assert all(e.HasField("progress") for e in await diagnose(stub(other_admin), "projects/other"))
