"""IssueService over gRPC."""

from __future__ import annotations

from typing import Any

from services.campaign.candidates import Candidate, CandidateSet
from services.campaign.elements import add_elements, list_elements, remove_elements
from services.campaign.issue_deletion import delete_issue
from services.campaign.issues import create_issue, get_issue, list_issues, rename_issue
from services.campaign.servicer import messages
from services.peers import deletion_messages
from services.records.idempotency import IdempotentRequest
from services.records.pages import read_page
from services.records.stores import Stores
from sluice.errors import InvalidArgument
from sluice.frames import Frame
from sluice.names import DatasetName, IssueName, ProjectName
from sluice.tensors import unpack
from sluice.v1 import deletion_pb2
from sluice.v1 import issue_pb2 as pb
from sluice.v1.issue_pb2_grpc import IssueServiceServicer


class IssueServicer(IssueServiceServicer):
    """Issues and their elements."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def CreateIssue(self, request: pb.CreateIssueRequest, context: Any) -> pb.Issue:
        """Create an issue without elements."""
        issue = await create_issue(
            self._stores,
            IdempotentRequest.of("CreateIssue", request.request_id, messages.serialise(request)),
            parent := ProjectName.parse(request.parent, "parent"),
            request.issue.display_name,
            DatasetName.parse(request.issue.dataset, "issue.dataset"),
        )
        return messages.issue(parent.project, issue)

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
        issues, token = await list_issues(self._stores, parent, page)
        return pb.ListIssuesResponse(
            issues=[messages.issue(parent.project, record) for record in issues],
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

    async def DeleteIssue(
        self, request: pb.DeleteIssueRequest, context: Any
    ) -> deletion_pb2.DeletionSummary:
        """Delete an issue and its elements."""
        name, validate_only = IssueName.parse(request.name), request.validate_only
        counts = await delete_issue(self._stores, name, request.etag, validate_only=validate_only)
        return deletion_messages.summary(counts, validate_only=validate_only)

    async def AddElements(
        self, request: pb.AddElementsRequest, context: Any
    ) -> pb.AddElementsResponse:
        """Add elements to an issue."""
        name = IssueName.parse(request.issue, "issue")
        result = await add_elements(self._stores, name, _parse_candidates(request))
        return pb.AddElementsResponse(
            added_count=result.added_count,
            replaced_count=result.replaced_count,
            unchanged_count=result.unchanged_count,
            issue=messages.issue(name.project, result.issue),
        )

    async def RemoveElements(
        self, request: pb.RemoveElementsRequest, context: Any
    ) -> pb.RemoveElementsResponse:
        """Remove elements from an issue."""
        name = IssueName.parse(request.issue, "issue")
        ids = [(element.frame_id, element.label_id) for element in request.elements]
        result = await remove_elements(self._stores, name, ids)
        return pb.RemoveElementsResponse(
            removed_count=result.removed_count,
            issue=messages.issue(name.project, result.issue),
        )

    async def ListElements(
        self, request: pb.ListElementsRequest, context: Any
    ) -> pb.ListElementsResponse:
        """List the elements of an issue."""
        parent = IssueName.parse(request.parent, "parent")
        page = read_page(request.page_size, request.page_token, "ListElements", request.parent)
        issue, elements, token = await list_elements(self._stores, parent, page)
        dataset = DatasetName(parent.project, issue.dataset)
        return pb.ListElementsResponse(
            elements=[messages.element(dataset, record) for record in elements],
            next_page_token=token,
        )


def _parse_candidates(request: pb.AddElementsRequest) -> CandidateSet:
    return CandidateSet(
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
