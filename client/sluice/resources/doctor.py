"""Diagnosis of a project: finds and repairs inconsistencies between a service's stores."""

from __future__ import annotations

from collections.abc import Iterator

import grpc

from sluice.resources.resolver import Resolver
from sluice.rpc_errors import FailedCall, from_rpc_error
from sluice.v1 import finding_pb2
from sluice.v1.campaign_pb2_grpc import CampaignServiceStub
from sluice.v1.dataset_frame_pb2_grpc import FrameServiceStub
from sluice.v1.ingest_pb2_grpc import IngestServiceStub


class Doctor:
    """Checks the stored data of a project in every service, and repairs it on request."""

    def __init__(self, channel: grpc.Channel, names: Resolver | None = None) -> None:
        self._names = names or Resolver(channel)
        stubs = CampaignServiceStub, IngestServiceStub, FrameServiceStub
        self._services = [stub(channel) for stub in stubs]

    def diagnose(
        self, project: str, *, repair: bool = False
    ) -> Iterator[finding_pb2.DiagnoseProjectResponse]:
        """Examine a project; yields findings, and progress in between.

        With `repair`, repairable findings are repaired. Requires a key with scope admin.
        """
        request = finding_pb2.DiagnoseProjectRequest(
            name=self._names.project(project), repair=repair
        )
        try:
            for service in self._services:
                yield from service.DiagnoseProject(request)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from FailedCall(error)
