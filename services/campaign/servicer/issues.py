"""IssueService over gRPC."""

from __future__ import annotations

from typing import Any

from google.protobuf.empty_pb2 import Empty

from services.campaign.candidates import Candidate, Candidates
from services.campaign.elements import add_elements, list_elements, remove_elements
from services.campaign.issue_deletion import delete_issue
from services.campaign.issues import create_issue, get_issue, list_issues, rename_issue
from services.campaign.servicer import messages
from services.records.idempotency import IdempotentRequest
from services.records.pages import read_page
from services.records.stores import Stores
from sluice.errors import InvalidArgument
from sluice.frames import Frame
from sluice.names import DatasetName, IssueName, ProjectName
from sluice.tensors import unpack
from sluice.v1 import issue_pb2 as pb
from sluice.v1.issue_pb2_grpc import IssueServiceServicer


class IssueServicer(IssueServiceServicer):
    """Issues and their elements."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def CreateIssue(self, request: pb.CreateIssueRequest, context: Any) -> pb.Issue:
        """Create an issue without elements."""
        made = await create_issue(
            self._stores,
            IdempotentRequest.of("CreateIssue", request.request_id, messages.asked(request)),
            parent := ProjectName.parse(request.parent, "parent"),
            request.issue.display_name,
            DatasetName.parse(request.issue.dataset, "issue.dataset"),
        )
        return messages.issue(parent.project, made)

    async def GetIssue(self, request: pb.GetIssueRequest, context: Any) -> pb.Issue:
        """Read one issue."""
        name = IssueName.parse(request.name)
        return messages.issue(name.project, await get_issue(self._stores, name))

    async def ListIssues(
        self, request: pb.ListIssuesRequest, context: Any
    ) -> pb.ListIssuesResponse:
        """List the issues of a project."""
        parent = ProjectName.parse(request.parent, "parent")
        page = read_page(request.page_size, request.page_token, "ListIssues", request.parent)
        found, token = await list_issues(self._stores, parent, page)
        return pb.ListIssuesResponse(
            issues=[messages.issue(parent.project, record) for record in found],
            next_page_token=token,
        )

    async def UpdateIssue(self, request: pb.UpdateIssueRequest, context: Any) -> pb.Issue:
        """Rename an issue."""
        name = IssueName.parse(request.issue.name, "issue.name")
        for path in request.update_mask.paths:
            if path != "display_name":
                problem = f"{path!r} cannot be changed; accepted is display_name"
                raise InvalidArgument.of("update_mask", problem)
        message = request.issue
        renamed = await rename_issue(self._stores, name, message.display_name, message.etag)
        return messages.issue(name.project, renamed)

    async def DeleteIssue(self, request: pb.DeleteIssueRequest, context: Any) -> Empty:
        """Delete an issue and its elements."""
        await delete_issue(self._stores, IssueName.parse(request.name), request.etag)
        return Empty()

    async def AddElements(
        self, request: pb.AddElementsRequest, context: Any
    ) -> pb.AddElementsResponse:
        """Add elements to an issue."""
        name = IssueName.parse(request.issue, "issue")
        added = await add_elements(self._stores, name, _candidates(request))
        return pb.AddElementsResponse(
            added_count=added.added_count,
            replaced_count=added.replaced_count,
            unchanged_count=added.unchanged_count,
            issue=messages.issue(name.project, added.issue),
        )

    async def RemoveElements(
        self, request: pb.RemoveElementsRequest, context: Any
    ) -> pb.RemoveElementsResponse:
        """Remove elements from an issue."""
        name = IssueName.parse(request.issue, "issue")
        known_as = [(element.frame_id, element.label_id) for element in request.elements]
        removed = await remove_elements(self._stores, name, known_as)
        return pb.RemoveElementsResponse(
            removed_count=removed.removed_count,
            issue=messages.issue(name.project, removed.issue),
        )

    async def ListElements(
        self, request: pb.ListElementsRequest, context: Any
    ) -> pb.ListElementsResponse:
        """List the elements of an issue."""
        parent = IssueName.parse(request.parent, "parent")
        page = read_page(request.page_size, request.page_token, "ListElements", request.parent)
        issue, found, token = await list_elements(self._stores, parent, page)
        dataset = DatasetName(parent.project, issue.dataset)
        return pb.ListElementsResponse(
            elements=[messages.element(dataset, record) for record in found],
            next_page_token=token,
        )


def _candidates(request: pb.AddElementsRequest) -> Candidates:
    return Candidates(
        request.model_id,
        [
            Candidate(
                Frame.from_proto(element.frame, f"elements[{index}].frame"),
                element.label_id,
                element.dataset,
            )
            for index, element in enumerate(request.elements)
        ],
        unpack(request.embeddings, "embeddings"),
    )
