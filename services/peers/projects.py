"""Projects, listed by the campaign service."""

from __future__ import annotations

from typing import Protocol

from services.peers.channel import PeerChannel
from sluice.names import ProjectName
from sluice.v1 import project_pb2 as pb
from sluice.v1.project_pb2_grpc import ProjectServiceStub


class ProjectList(Protocol):
    """Lists projects."""

    async def list(self) -> list[str]:
        """The ids of all projects that are not being deleted.

        Raises errors.Unavailable while the campaign service is away.
        """


class CampaignProjects:
    """`ProjectList` over gRPC."""

    def __init__(self, peer: PeerChannel) -> None:
        self._peer = peer
        self._stub = ProjectServiceStub(peer.channel)

    async def list(self) -> list[str]:
        """See `ProjectList.list`."""
        projects: list[str] = []
        request = pb.ListProjectsRequest(page_size=1_000)
        while True:
            response = await self._peer.call(self._stub.ListProjects, request)
            projects += [
                ProjectName.parse(project.name).project
                for project in response.projects
                if not project.HasField("delete_time")
            ]
            if not response.next_page_token:
                return projects
            request.page_token = response.next_page_token
