"""Issues and their elements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import grpc
from numpy.typing import ArrayLike

from sluice.checks import read_texts
from sluice.errors import InvalidArgument
from sluice.frame_inputs import gather_embeddings, read_items, split_calls, to_frame
from sluice.frames import Frame
from sluice.labeled_frame import LabeledFrame
from sluice.names import DatasetName, ProjectName
from sluice.resources.element_keys import to_element_keys
from sluice.resources.kinds import ISSUE
from sluice.resources.pages import list_items
from sluice.resources.resolver import Resolver
from sluice.rpc_errors import translate
from sluice.tensors import Embeddings, pack
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
        full_name = self._names.find(ISSUE, name, may_be_gone=True)
        request = issue_pb2.DeleteIssueRequest(name=full_name, validate_only=validate_only)
        return translate(self._stub.DeleteIssue, request)

    def add_elements(
        self,
        issue: str,
        frames: Iterable[Frame | LabeledFrame],
        embeddings: ArrayLike | None = None,
        *,
        model_id: str,
        label_ids: Iterable[str] = (),
    ) -> issue_pb2.Issue:
        """Add frames, or their crops; returns the updated issue.

        `embeddings` is `(frames, dimension)`, one row per element: of the frame, or of its crop in
        `label_ids`. By default they are those that each LabeledFrame has of itself and of its
        crops. More elements than fit into one call are sent in several; unchanged elements are
        skipped, so an interrupted call can be repeated.
        """
        items = read_items("frames", frames, Frame, LabeledFrame)
        if not items:
            raise InvalidArgument.of("frames", "is empty; expected at least one frame")
        crops = read_texts("label_ids", label_ids)
        rows = gather_embeddings(items, embeddings, model_id, label_ids=crops)
        if rows is None:
            problem = "required: an array (frames, dimension), or frames that are LabeledFrame with"
            raise InvalidArgument.of("embeddings", f"{problem} embeddings")
        stored = self.get(issue)
        elements = _to_elements(stored.dataset, [to_frame(item) for item in items], rows)
        for start, stop, part in split_calls(elements, rows.of_elements()):
            request = issue_pb2.AddElementsRequest(
                issue=stored.name,
                model_id=model_id,
                embeddings=None if part is None else pack(part.vectors),
                elements=elements[start:stop],
            )
            updated = translate(self._stub.AddElements, request).issue
        return updated

    def remove_elements(self, issue: str, keys: Iterable[str | tuple[str, str]]) -> issue_pb2.Issue:
        """Remove frames by id, and crops by (frame id, label id); returns the updated issue."""
        request = issue_pb2.RemoveElementsRequest(
            issue=self._names.issue(issue), elements=to_element_keys(keys)
        )
        return translate(self._stub.RemoveElements, request).issue

    def elements(self, issue: str) -> Iterator[issue_pb2.Element]:
        """The elements of an issue."""
        request = issue_pb2.ListElementsRequest(parent=self._names.issue(issue))
        return list_items(self._stub.ListElements, request, "elements")


def _to_elements(
    dataset: str, frames: Sequence[Frame], rows: Embeddings
) -> list[issue_pb2.Element]:
    """One element per row: the frame of the row, or its crop."""
    messages = [frame.to_proto() for frame in frames]
    return [
        issue_pb2.Element(frame=messages[frame], label_id=label_id, dataset=dataset)
        for frame, label_id in zip(rows.frame_of_row.tolist(), rows.label_ids, strict=True)
    ]
