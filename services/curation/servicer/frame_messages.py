"""Frames of datasets as messages, and back."""

from __future__ import annotations

from services.curation.datasets.counts import Counts
from services.curation.datasets.frames import DatasetFrame
from services.curation.datasets.new_frames import AppendRequest, FrameToAppend
from services.curation.datasets.search import SearchProgress
from services.curation.datasets.similar import SimilarFrame
from services.curation.datasets.stratification import Shares
from services.curation.datasets.updates import FieldChange
from services.curation.records import Split, Status
from services.curation.servicer.common_messages import timestamp
from services.curation.servicer.filter_messages import (
    KIND_NUMBERS,
    SPLIT_NUMBERS,
    STATUS_NUMBERS,
    read_split,
    read_status,
)
from sluice.errors import InvalidArgument
from sluice.frames import Frame, metadata_from_proto, metadata_to_proto
from sluice.names import DatasetFrameName, DatasetName
from sluice.tensors import Embeddings
from sluice.v1 import dataset_frame_pb2 as pb


def read_append_request(request: pb.AppendFramesRequest) -> AppendRequest:
    """The frames to append, with embeddings, status and split."""
    frames = [
        FrameToAppend(
            Frame.from_proto(frame_message.frame, f"frames[{index}].frame"),
            frame_message.group,
            frame_message.slice,
            metadata_from_proto(frame_message.fields, f"frames[{index}].fields"),
            frame_message.labelled,
        )
        for index, frame_message in enumerate(request.frames)
    ]
    embeddings = None
    if request.HasField("embeddings"):
        embeddings = Embeddings.from_proto(request.embeddings)
    return AppendRequest(
        frames,
        embeddings,
        read_status(request.status, "status") if request.status else None,
        read_split(request.split, "split"),
        replace=request.replace,
        urls_are_file_names=request.urls_are_file_names,
    )


def read_field_changes(request: pb.SetFieldsRequest) -> dict[str, FieldChange]:
    """The changes of fields by frame id; InvalidArgument for a duplicate frame."""
    changes: dict[str, FieldChange] = {}
    for index, change in enumerate(request.changes):
        path = f"changes[{index}]"
        if change.frame_id in changes:
            raise InvalidArgument.of(f"{path}.frame_id", f"duplicate frame {change.frame_id!r}")
        values = metadata_from_proto(change.set, f"{path}.set")
        changes[change.frame_id] = FieldChange(values, tuple(change.remove))
    return changes


def read_split_shares(request: pb.AssignSplitsRequest) -> Shares:
    """The share of each split; InvalidArgument for a missing or duplicate split."""
    shares: dict[Split, float] = {}
    for index, split_share in enumerate(request.shares):
        path = f"shares[{index}].split"
        split = read_split(split_share.split, path)
        if not split or split in shares:
            problem = f"duplicate split {split.value!r}" if split else "required"
            raise InvalidArgument.of(path, problem)
        shares[split] = split_share.share
    return shares


def frame(name: DatasetName, record: DatasetFrame) -> pb.DatasetFrame:
    """A frame of that dataset."""
    row, group = record.row, record.group
    return pb.DatasetFrame(
        name=str(DatasetFrameName(name.project, name.dataset, row.id)),
        frame=record.frame.to_proto(),
        group=row.group,
        slice=row.slice,
        fields=metadata_to_proto(row.fields),
        status=STATUS_NUMBERS[group.status],
        split=SPLIT_NUMBERS[group.split],
        tags=row.tags,
        failures=[
            pb.Failure(round=round_id, kinds=[KIND_NUMBERS[kind] for kind in kinds])
            for round_id, kinds in sorted(row.failures.items())
        ],
        number=row.number,
        embedded=[vector.label_id for vector in row.vectors],
        create_time=timestamp(row.created_us),
        labelled=row.labelled or bool(record.frame.labels),
    )


def counts(name: DatasetName, record: Counts) -> pb.DatasetCounts:
    """The counts of that dataset."""
    return pb.DatasetCounts(
        dataset=str(name),
        frames=record.frames.remaining,
        groups=record.groups,
        unlabelled=record.by_status[Status.UNLABELLED],
        selected=record.by_status[Status.SELECTED],
        annotated=record.by_status[Status.ANNOTATED],
        reviewed=record.by_status[Status.REVIEWED],
        train=record.by_split[Split.TRAIN],
        validation=record.by_split[Split.VALIDATION],
        test=record.by_split[Split.TEST],
        golden=record.by_split[Split.GOLDEN],
        model_id=record.frames.model_id,
        dimension=record.frames.dimension,
    )


def hit(name: DatasetName, record: SimilarFrame) -> pb.FindSimilarResponse.Hit:
    """A similar frame of that dataset."""
    return pb.FindSimilarResponse.Hit(
        frame=frame(name, record.frame),
        similarity=record.similarity,
        label_id=record.label_id,
        similar_to=record.similar_to,
    )


def search_progress(progress: SearchProgress) -> pb.SearchDatasetResponse:
    """The progress of a search."""
    return pb.SearchDatasetResponse(
        frames=progress.frames,
        frames_total=progress.frames_total,
        passing=progress.passing,
        verdicts=[
            pb.SearchDatasetResponse.Verdicts(campaign=campaign, verdict=verdict, count=count)
            for (campaign, verdict), count in sorted(progress.verdicts.items())
        ],
        done=progress.done,
    )
