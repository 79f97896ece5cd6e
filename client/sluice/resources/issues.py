"""Issues and their elements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import grpc
from numpy.typing import ArrayLike

from sluice.frames import Frame
from sluice.resources.pages import list_items
from sluice.rpc_errors import translate
from sluice.tensors import pack
from sluice.v1 import deletion_pb2, issue_pb2
from sluice.v1.issue_pb2_grpc import IssueServiceStub


class Issues:
    """Issues and their elements. Names are resource names: `projects/p/issues/{uuid}`."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = IssueServiceStub(channel)

    def create(self, project: str, display_name: str, dataset: str) -> issue_pb2.Issue:
        """Create an issue for a dataset, without elements."""
        request = issue_pb2.CreateIssueRequest(
            parent=project, issue=issue_pb2.Issue(display_name=display_name, dataset=dataset)
        )
        return translate(self._stub.CreateIssue, request)

    def get(self, name: str) -> issue_pb2.Issue:
        """Read an issue."""
        return translate(self._stub.GetIssue, issue_pb2.GetIssueRequest(name=name))

    def list(self, project: str) -> Iterator[issue_pb2.Issue]:
        """The issues of a project."""
        return list_items(
            self._stub.ListIssues, issue_pb2.ListIssuesRequest(parent=project), "issues"
        )

    def rename(self, name: str, display_name: str) -> issue_pb2.Issue:
        """Change the display name of an issue."""
        issue = issue_pb2.Issue(name=name, display_name=display_name)
        return translate(self._stub.UpdateIssue, issue_pb2.UpdateIssueRequest(issue=issue))

    def delete(self, name: str, *, validate_only: bool = False) -> deletion_pb2.DeletionSummary:
        """Delete an issue and its elements; committed versions keep their snapshots.

        With `validate_only` nothing is deleted, only counted.
        """
        request = issue_pb2.DeleteIssueRequest(name=name, validate_only=validate_only)
        return translate(self._stub.DeleteIssue, request)

    def add_elements(
        self,
        issue: str,
        frames: Sequence[Frame],
        embeddings: ArrayLike,
        *,
        model_id: str,
        label_ids: Sequence[str] = (),
    ) -> issue_pb2.Issue:
        """Add frames, or their crops with the given label ids; returns the updated issue.

        `embeddings` is `(frames, dimension)`, one row per element.
        """
        dataset, tensor = self.get(issue).dataset, pack(embeddings)
        crops = label_ids or [""] * len(frames)
        request = issue_pb2.AddElementsRequest(
            issue=issue,
            model_id=model_id,
            embeddings=tensor,
            elements=[
                issue_pb2.Element(frame=frame.to_proto(), label_id=label_id, dataset=dataset)
                for frame, label_id in zip(frames, crops, strict=True)
            ],
        )
        return translate(self._stub.AddElements, request).issue

    def remove_elements(self, issue: str, keys: Iterable[tuple[str, str]]) -> issue_pb2.Issue:
        """Remove elements by (frame id, label id), "" for a whole frame.

        Returns the updated issue.
        """
        elements = [issue_pb2.ElementKey(frame_id=frame, label_id=label) for frame, label in keys]
        request = issue_pb2.RemoveElementsRequest(issue=issue, elements=elements)
        return translate(self._stub.RemoveElements, request).issue

    def elements(self, issue: str) -> Iterator[issue_pb2.Element]:
        """The elements of an issue."""
        request = issue_pb2.ListElementsRequest(parent=issue)
        return list_items(self._stub.ListElements, request, "elements")
