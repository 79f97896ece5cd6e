"""Examining a project: where the stores of each service differ from each other."""

from __future__ import annotations

from collections.abc import Iterator

import grpc

from sluice.rpc_errors import from_rpc_error
from sluice.v1 import finding_pb2
from sluice.v1.campaign_pb2_grpc import CampaignServiceStub
from sluice.v1.dataset_frame_pb2_grpc import FrameServiceStub
from sluice.v1.ingest_pb2_grpc import IngestServiceStub


class Doctor:
    """Examines what each service keeps of a project, and mends it."""

    def __init__(self, channel: grpc.Channel) -> None:
        stubs = CampaignServiceStub, IngestServiceStub, FrameServiceStub
        self._services = [stub(channel) for stub in stubs]

    def diagnose(
        self, project: str, *, repair: bool = False
    ) -> Iterator[finding_pb2.DiagnoseProjectResponse]:
        """Findings as they are made, and in between how far the examination is.

        With `repair`, what can be mended is. For keys of scope admin.
        """
        request = finding_pb2.DiagnoseProjectRequest(name=project, repair=repair)
        try:
            for service in self._services:
                yield from service.DiagnoseProject(request)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error
