"""The frames of datasets, searches among them, and saved views."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from numpy.typing import ArrayLike

from sluice.checks import read_texts
from sluice.frame_inputs import gather_embeddings, read_items, split_calls, to_frame
from sluice.frames import Frame, MetadataInput, metadata_to_proto
from sluice.labeled_frame import LabeledFrame
from sluice.names import DatasetFrameName, DatasetName, ProjectName
from sluice.resources.element_keys import to_element_keys
from sluice.resources.filters import read_split, read_status
from sluice.resources.kinds import CAMPAIGN, DATASET, ROUND, VIEW, ResourceKind
from sluice.resources.pages import list_items
from sluice.resources.resolver import Resolver
from sluice.rpc_errors import FailedCall, from_rpc_error, translate
from sluice.tensors import Embeddings
from sluice.v1 import dataset_frame_pb2 as pb
from sluice.v1 import deletion_pb2
from sluice.v1.dataset_frame_pb2_grpc import FrameServiceStub

_Response = TypeVar("_Response")


@dataclass(frozen=True, slots=True)
class NewFrame:
    """A frame to append with its fields; without a group, a new one is a group of its own.

    With `labelled`, a frame without labels shows no object; else it states nothing about labels.
    """

    frame: Frame
    group: str = ""
    slice: str = ""
    fields: Mapping[str, MetadataInput] = field(default_factory=dict)
    labelled: bool = False

    def to_proto(self) -> pb.DatasetFrame:
        """The frame as a message; InvalidArgument for an invalid frame."""
        return pb.DatasetFrame(
            frame=self.frame.to_proto(),
            group=self.group,
            slice=self.slice,
            fields=metadata_to_proto(self.fields),
            labelled=self.labelled,
        )


class Datasets:
    """Frames of datasets, which are found by resource name, id or display name.

    `projects` creates and lists the datasets themselves.
    """

    def __init__(self, channel: grpc.Channel, names: Resolver | None = None) -> None:
        self._names = names or Resolver(channel)
        self._stub = FrameServiceStub(channel)

    def append(
        self,
        dataset: str,
        frames: Iterable[Frame | LabeledFrame | NewFrame],
        embeddings: ArrayLike | Embeddings | None = None,
        *,
        model_id: str = "",
        status: str = "",
        split: str = "",
        replace: bool = False,
        urls_are_file_names: bool = False,
    ) -> pb.AppendFramesResponse:
        """Append frames; those that exist are merged: what a frame does not state stays.

        `embeddings` is `(frames, dimension)`, one row per frame, of model `model_id`; or
        `Embeddings`, with crops. By default they are those that each LabeledFrame has; without any,
        existing frames keep their embeddings. More frames than fit into one call are sent in
        several, which can be repeated; the response has their totals. The status and
        the split apply to the frames' groups: new ones are unlabelled by default; existing ones
        keep a later status, and the split that they have (another one is FailedPrecondition). With
        `replace`, parts of existing frames that are not stated are removed. With
        `urls_are_file_names`, sensor URLs never replace stored ones.
        """
        items = read_items("frames", frames, Frame, LabeledFrame, NewFrame)
        captures = [item.frame if isinstance(item, NewFrame) else item for item in items]
        rows = gather_embeddings(captures, embeddings, model_id)
        messages = [_to_new_frame(item).to_proto() for item in items]
        parent = self._names.dataset(dataset)
        total = pb.AppendFramesResponse()
        for start, stop, part in split_calls(messages, rows):
            request = pb.AppendFramesRequest(
                dataset=parent,
                frames=messages[start:stop],
                embeddings=None if part is None else part.to_proto(),
                status=read_status(status) if status else None,
                split=read_split(split),
                replace=replace,
                urls_are_file_names=urls_are_file_names,
            )
            _add_counts(total, translate(self._stub.AppendFrames, request))
        return total

    def get(self, dataset: str, frame_id: str = "") -> pb.DatasetFrame:
        """Read one frame of a dataset.

        Without a frame id, `dataset` is the resource name of the frame.
        """
        name = dataset
        if frame_id:
            parent = DatasetName.parse(self._names.dataset(dataset))
            name = str(DatasetFrameName(parent.project, parent.dataset, frame_id))
        return translate(self._stub.GetFrame, pb.GetFrameRequest(name=name))

    def frames(
        self, dataset: str, frame_filter: pb.FrameFilter | None = None, *, view: str = ""
    ) -> Iterator[pb.DatasetFrame]:
        """The frames of a filter or a view, in the order of appending."""
        request = pb.ListFramesRequest(**self._selection(dataset, frame_filter, view))
        return list_items(self._stub.ListFrames, request, "frames")

    def read(
        self, dataset: str, frame_filter: pb.FrameFilter | None = None, *, view: str = ""
    ) -> Iterator[pb.ReadFramesResponse]:
        """The frames of a filter or a view in one stream, with their embeddings."""
        selection = self._selection(dataset, frame_filter, view)
        request = pb.ReadFramesRequest(**selection, with_embeddings=True)
        return _stream(self._stub.ReadFrames(request))

    def counts(self, dataset: str) -> pb.DatasetCounts:
        """Numbers of groups and frames by status and split."""
        request = pb.CountFramesRequest(dataset=self._names.dataset(dataset))
        return translate(self._stub.CountFrames, request)

    def set_status(
        self, dataset: str, groups: Iterable[str], status: str, *, allow_backward: bool = False
    ) -> int:
        """Set the status of up to 1,000 groups; returns the number that changed."""
        request = pb.SetStatusRequest(
            dataset=self._names.dataset(dataset),
            groups=read_texts("groups", groups),
            status=read_status(status),
            allow_backward=allow_backward,
            request_id=str(uuid4()),
        )
        return translate(self._stub.SetStatus, request).changed_count

    def tag(
        self,
        dataset: str,
        frame_ids: Iterable[str],
        *,
        add: Iterable[str] = (),
        remove: Iterable[str] = (),
    ) -> int:
        """Add and remove tags of up to 1,000 frames; returns the number that changed."""
        request = pb.TagFramesRequest(
            dataset=self._names.dataset(dataset),
            frame_ids=read_texts("frame_ids", frame_ids),
            add=read_texts("add", add),
            remove=read_texts("remove", remove),
            request_id=str(uuid4()),
        )
        return translate(self._stub.TagFrames, request).changed_count

    def set_fields(
        self, dataset: str, fields: Mapping[str, Mapping[str, MetadataInput | None]]
    ) -> int:
        """Set fields of up to 1,000 frames, by frame id; the value None removes a field.

        Returns the number of frames that changed.
        """
        changes = [
            pb.FieldChange(
                frame_id=frame_id,
                set=metadata_to_proto({k: v for k, v in values.items() if v is not None}),
                remove=[name for name, value in values.items() if value is None],
            )
            for frame_id, values in fields.items()
        ]
        request = pb.SetFieldsRequest(
            dataset=self._names.dataset(dataset), changes=changes, request_id=str(uuid4())
        )
        return translate(self._stub.SetFields, request).changed_count

    def compute_zcore(
        self,
        dataset: str,
        frame_filter: pb.FrameFilter | None = None,
        *,
        view: str = "",
        field: str = "",
        seed: int = 0,
        draws: int = 0,
        neighbours: int = 0,
    ) -> Iterator[pb.ComputeZcoreResponse]:
        """Compute ZCore scores on the server, and store them in a field; yields progress.

        Scores the frames of a filter or a view that have embeddings. By default the field is
        `zcore`, 1,000,000 points are drawn, and 1,000 neighbours count as redundant.
        """
        selection = self._selection(dataset, frame_filter, view)
        request = pb.ComputeZcoreRequest(
            dataset=selection["parent"],
            filter=selection["filter"],
            view=selection["view"],
            field=field,
            seed=seed,
            draws=draws,
            neighbours=neighbours,
        )
        return _stream(self._stub.ComputeZcore(request))

    def assign_splits(
        self,
        dataset: str,
        shares: Mapping[str, float],
        *,
        seed: int = 0,
        statuses: Sequence[str] = (),
    ) -> pb.DatasetCounts:
        """Assign a split to groups without one, stratified by class; the shares add up to 1.

        If `statuses` is given, only groups with one of these statuses get a split.
        """
        request = pb.AssignSplitsRequest(
            dataset=self._names.dataset(dataset),
            shares=[
                pb.AssignSplitsRequest.Share(split=read_split(split), share=share)
                for split, share in shares.items()
            ],
            seed=seed,
            statuses=map(read_status, read_texts("statuses", statuses)),
        )
        return translate(self._stub.AssignSplits, request)

    def similar(
        self,
        dataset: str,
        frame_ids: Iterable[str],
        *,
        limit: int = 100,
        frame_filter: pb.FrameFilter | None = None,
        query_dataset: str = "",
    ) -> Sequence[pb.FindSimilarResponse.Hit]:
        """The frames most similar to query frames, which may be in another dataset."""
        selection = self._selection(dataset, frame_filter)
        project = _project_of(selection["parent"])
        request = pb.FindSimilarRequest(
            dataset=selection["parent"],
            frame_ids=read_texts("frame_ids", frame_ids),
            query_dataset=self._id(DATASET, query_dataset, project),
            limit=limit,
            filter=selection["filter"],
        )
        return translate(self._stub.FindSimilar, request).hits

    def pick(
        self, dataset: str, issue: str, keys: Iterable[str | tuple[str, str]]
    ) -> pb.PickElementsResponse:
        """Add frames to an issue by id, and crops by (frame id, label id)."""
        parent = self._names.dataset(dataset)
        request = pb.PickElementsRequest(
            dataset=parent,
            issue=self._names.issue(issue, project=_project_of(parent)),
            elements=to_element_keys(keys),
        )
        return translate(self._stub.PickElements, request)

    def search(
        self,
        dataset: str,
        *,
        search_id: str | None = None,
        campaigns: Sequence[str] = (),
        threshold: float | None = None,
    ) -> Iterator[pb.SearchDatasetResponse]:
        """Search a dataset on the server with the active campaigns; yields progress.

        With the UUID of an interrupted search as `search_id`, that search resumes, within 90 days
        of its last batch.
        """
        parent = self._names.dataset(dataset)
        names = self._names.find_all(
            CAMPAIGN, read_texts("campaigns", campaigns), parent=_project_of(parent)
        )
        request = pb.SearchDatasetRequest(
            dataset=parent,
            search_id=search_id or str(uuid4()),
            campaigns=names,
            threshold_override=threshold,
        )
        return _stream(self._stub.SearchDataset(request))

    def delete(self, dataset: str, *, validate_only: bool = False) -> deletion_pb2.DeletionSummary:
        """Delete a dataset with its frames, views, rounds, batches and golden sets.

        Raises FailedPrecondition naming issues of the dataset. Its id is not used again. With
        `validate_only` nothing is deleted, only counted.
        """
        name = self._names.find(DATASET, dataset, may_be_gone=True)
        request = pb.DeleteDatasetRequest(name=name, validate_only=validate_only)
        return translate(self._stub.DeleteDataset, request)

    def delete_frames(
        self, project: str, frame_ids: Iterable[str], *, validate_only: bool = False
    ) -> deletion_pb2.DeletionSummary:
        """Delete frames with all their copies in a project, at most 1,000 in a call.

        They leave datasets, rounds, samples, issues, snapshots and scoring models; their ids are
        never accepted again. With `validate_only` nothing is deleted, only counted.
        """
        request = pb.DeleteFramesRequest(
            parent=self._names.project(project),
            frame_ids=read_texts("frame_ids", frame_ids),
            validate_only=validate_only,
        )
        return translate(self._stub.DeleteFrames, request)

    def save_view(
        self, dataset: str, view_id: str, frame_filter: pb.FrameFilter, display_name: str = ""
    ) -> pb.View:
        """Save a filter under a new name."""
        selection = self._selection(dataset, frame_filter)
        request = pb.CreateViewRequest(
            parent=selection["parent"],
            view_id=view_id,
            view=pb.View(display_name=display_name, filter=selection["filter"]),
            request_id=str(uuid4()),
        )
        return translate(self._stub.CreateView, request)

    def view(self, name: str) -> pb.View:
        """Read a view."""
        request = pb.GetViewRequest(name=self._names.find(VIEW, name))
        return translate(self._stub.GetView, request)

    def views(self, dataset: str) -> Iterator[pb.View]:
        """The views of a dataset."""
        request = pb.ListViewsRequest(parent=self._names.dataset(dataset))
        return list_items(self._stub.ListViews, request, "views")

    def change_view(self, view: pb.View) -> pb.View:
        """Store the changed filter of a view that was read before."""
        request = pb.UpdateViewRequest(view=view, update_mask=FieldMask(paths=["filter"]))
        return translate(self._stub.UpdateView, request)

    def delete_view(self, name: str) -> None:
        """Delete a view; the frames stay."""
        request = pb.DeleteViewRequest(name=self._names.find(VIEW, name))
        translate(self._stub.DeleteView, request)

    def _selection(
        self, dataset: str, frame_filter: pb.FrameFilter | None, view: str = ""
    ) -> dict[str, Any]:
        """The dataset's name, the filter with its round's id, and the view's id."""
        parent = self._names.dataset(dataset)
        if frame_filter is not None and frame_filter.round:
            given, frame_filter = frame_filter, pb.FrameFilter()
            frame_filter.CopyFrom(given)
            frame_filter.round = self._id(ROUND, given.round, parent)
        return {
            "parent": parent,
            "filter": frame_filter,
            "view": self._id(VIEW, view, parent),
        }

    def _id(self, kind: ResourceKind, reference: str, parent: str) -> str:
        return self._names.ids(kind, [reference], parent=parent)[0] if reference else ""


def _to_new_frame(item: Frame | LabeledFrame | NewFrame) -> NewFrame:
    return item if isinstance(item, NewFrame) else NewFrame(to_frame(item))


def _add_counts(total: pb.AppendFramesResponse, response: pb.AppendFramesResponse) -> None:
    total.added_count += response.added_count
    total.changed_count += response.changed_count
    total.unchanged_count += response.unchanged_count
    total.kept_status_count += response.kept_status_count
    total.deleted_frame_ids.extend(response.deleted_frame_ids)


def _project_of(dataset: str) -> str:
    return str(ProjectName(DatasetName.parse(dataset).project))


def _stream(call: Iterator[_Response]) -> Iterator[_Response]:
    """The responses of a call; its error is raised as a Sluice error."""
    try:
        yield from call
    except grpc.RpcError as error:
        raise from_rpc_error(error) from FailedCall(error)
