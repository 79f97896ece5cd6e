"""ProjectService over gRPC."""

from __future__ import annotations

from typing import Any

from google.protobuf.empty_pb2 import Empty

from services.campaign.project_deletion import delete_project
from services.campaign.projects import (
    create_api_key,
    create_project,
    get_project,
    list_projects,
)
from services.campaign.servicer import messages
from services.peers import deletion_messages
from services.peers.resource_purges import ResourcePurges
from services.records.idempotency import IdempotentRequest
from services.records.pages import read_page
from services.records.stores import Stores
from services.server.auth import current_caller
from services.server.keys import KeyStore, Scope
from sluice.errors import InvalidArgument
from sluice.names import ApiKeyName, ProjectName
from sluice.v1 import deletion_pb2
from sluice.v1 import project_pb2 as pb
from sluice.v1.project_pb2_grpc import ProjectServiceServicer


class ProjectServicer(ProjectServiceServicer):
    """Projects and their API keys."""

    def __init__(self, stores: Stores, keys: KeyStore, purges: ResourcePurges) -> None:
        self._stores = stores
        self._keys = keys
        self._purges = purges

    async def CreateProject(self, request: pb.CreateProjectRequest, context: Any) -> pb.Project:
        """Create a project."""
        idempotent_request = IdempotentRequest.of(
            "CreateProject", request.request_id, messages.serialise(request)
        )
        display_name = request.project.display_name
        project = await create_project(
            self._stores, idempotent_request, request.project_id, display_name
        )
        return messages.project(project)

    async def GetProject(self, request: pb.GetProjectRequest, context: Any) -> pb.Project:
        """Read one project."""
        return messages.project(await get_project(self._stores, ProjectName.parse(request.name)))

    async def ListProjects(
        self, request: pb.ListProjectsRequest, context: Any
    ) -> pb.ListProjectsResponse:
        """List the projects that the key may see."""
        page = read_page(request.page_size, request.page_token, "ListProjects")
        projects, token = await list_projects(self._stores, current_caller(), page)
        return pb.ListProjectsResponse(
            projects=map(messages.project, projects), next_page_token=token
        )

    async def DeleteProject(
        self, request: pb.DeleteProjectRequest, context: Any
    ) -> deletion_pb2.DeletionSummary:
        """Delete a project with everything in it."""
        name, validate_only = ProjectName.parse(request.name), request.validate_only
        counts = await delete_project(self._stores, self._purges, name, validate_only=validate_only)
        return deletion_messages.summary(counts, validate_only=validate_only)

    async def CreateApiKey(
        self, request: pb.CreateApiKeyRequest, context: Any
    ) -> pb.CreateApiKeyResponse:
        """Create an API key of a project."""
        parent = ProjectName.parse(request.parent, "parent")
        scopes, display_name = _parse_scopes(request.api_key), request.api_key.display_name
        created = await create_api_key(self._stores, self._keys, parent, display_name, scopes)
        return pb.CreateApiKeyResponse(
            api_key=messages.api_key(created.record), secret=created.token
        )

    async def ListApiKeys(
        self, request: pb.ListApiKeysRequest, context: Any
    ) -> pb.ListApiKeysResponse:
        """List the keys of a project."""
        parent = ProjectName.parse(request.parent, "parent")
        await get_project(self._stores, parent)
        page = read_page(request.page_size, request.page_token, "ListApiKeys", request.parent)
        keys = await self._keys.list(parent.project, after=page.after, limit=page.size + 1)
        listed, token = page.cut(keys, lambda key: key.id)
        return pb.ListApiKeysResponse(api_keys=map(messages.api_key, listed), next_page_token=token)

    async def DeleteApiKey(self, request: pb.DeleteApiKeyRequest, context: Any) -> Empty:
        """Revoke a key."""
        name = ApiKeyName.parse(request.name)
        await self._keys.delete(name.project, name.key)
        return Empty()


def _parse_scopes(message: pb.ApiKey) -> list[Scope]:
    for index, number in enumerate(message.scopes):
        if number not in messages.SCOPES:
            problem = f"{number} is not one of SCOPE_LOG, SCOPE_REVIEW, SCOPE_ADMIN"
            raise InvalidArgument.of(f"api_key.scopes[{index}]", problem)
    return [messages.SCOPES[number] for number in message.scopes]
