"""Issues and their elements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import grpc
from numpy.typing import ArrayLike

from sluice.frames import Frame
from sluice.names import DatasetName, ProjectName
from sluice.resources.pages import list_items
from sluice.resources.resolver import Resolver
from sluice.rpc_errors import translate
from sluice.tensors import pack
from sluice.v1 import deletion_pb2, issue_pb2
from sluice.v1.issue_pb2_grpc import IssueServiceStub


class Issues:
    """Issues and their elements.

    Found by resource name, id, start of an id, or display name.
    """

    def __init__(self, channel: grpc.Channel, names: Resolver | None = None) -> None:
        self._names = names or Resolver(channel)
        self._stub = IssueServiceStub(channel)

    def create(self, project: str, display_name: str, dataset: str) -> issue_pb2.Issue:
        """Create an issue for a dataset, without elements."""
        parent = self._names.project(project) if project else ""
        dataset_name = self._names.dataset(dataset, project=parent)
        request = issue_pb2.CreateIssueRequest(
            parent=str(ProjectName(DatasetName.parse(dataset_name).project)),
            issue=issue_pb2.Issue(display_name=display_name, dataset=dataset_name),
        )
        return translate(self._stub.CreateIssue, request)

    def get(self, name: str) -> issue_pb2.Issue:
        """Read an issue."""
        request = issue_pb2.GetIssueRequest(name=self._names.issue(name))
        return translate(self._stub.GetIssue, request)

    def list(self, project: str = "") -> Iterator[issue_pb2.Issue]:
        """The issues of a project."""
        request = issue_pb2.ListIssuesRequest(parent=self._names.project(project))
        return list_items(self._stub.ListIssues, request, "issues")

    def rename(self, name: str, display_name: str) -> issue_pb2.Issue:
        """Change the display name of an issue."""
        issue = issue_pb2.Issue(name=self._names.issue(name), display_name=display_name)
        return translate(self._stub.UpdateIssue, issue_pb2.UpdateIssueRequest(issue=issue))

    def delete(self, name: str, *, validate_only: bool = False) -> deletion_pb2.DeletionSummary:
        """Delete an issue and its elements; committed versions keep their snapshots.

        With `validate_only` nothing is deleted, only counted.
        """
        request = issue_pb2.DeleteIssueRequest(
            name=self._names.issue(name), validate_only=validate_only
        )
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
        stored, tensor = self.get(issue), pack(embeddings)
        crops = label_ids or [""] * len(frames)
        request = issue_pb2.AddElementsRequest(
            issue=stored.name,
            model_id=model_id,
            embeddings=tensor,
            elements=[
                issue_pb2.Element(frame=frame.to_proto(), label_id=label_id, dataset=stored.dataset)
                for frame, label_id in zip(frames, crops, strict=True)
            ],
        )
        return translate(self._stub.AddElements, request).issue

    def remove_elements(self, issue: str, keys: Iterable[tuple[str, str]]) -> issue_pb2.Issue:
        """Remove elements by (frame id, label id), "" for a whole frame.

        Returns the updated issue.
        """
        elements = [issue_pb2.ElementKey(frame_id=frame, label_id=label) for frame, label in keys]
        request = issue_pb2.RemoveElementsRequest(issue=self._names.issue(issue), elements=elements)
        return translate(self._stub.RemoveElements, request).issue

    def elements(self, issue: str) -> Iterator[issue_pb2.Element]:
        """The elements of an issue."""
        request = issue_pb2.ListElementsRequest(parent=self._names.issue(issue))
        return list_items(self._stub.ListElements, request, "elements")
