"""Domain records as messages, and back where several methods read them."""

from __future__ import annotations

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.curation.datasets.counts import Counts
from services.curation.datasets.filters import Condition, Filter
from services.curation.datasets.frames import DatasetFrame
from services.curation.datasets.views import View
from services.curation.records import FailureKind, Split, Status
from services.curation.rounds.rounds import Evaluation, RoundSummary
from sluice.errors import InvalidArgument
from sluice.frames import metadata_to_proto, value_from_proto, value_to_proto
from sluice.names import DatasetFrameName, DatasetName, RoundName, ViewName
from sluice.v1 import dataset_frame_pb2 as pb
from sluice.v1 import round_pb2

_STATUSES = {
    pb.ANNOTATION_STATUS_UNLABELLED: Status.UNLABELLED,
    pb.ANNOTATION_STATUS_SELECTED: Status.SELECTED,
    pb.ANNOTATION_STATUS_ANNOTATED: Status.ANNOTATED,
    pb.ANNOTATION_STATUS_REVIEWED: Status.REVIEWED,
}
_STATUS_NUMBERS = {status: number for number, status in _STATUSES.items()}
_SPLITS = {
    pb.SPLIT_UNSPECIFIED: Split.NONE,
    pb.SPLIT_TRAIN: Split.TRAIN,
    pb.SPLIT_VALIDATION: Split.VALIDATION,
    pb.SPLIT_TEST: Split.TEST,
    pb.SPLIT_GOLDEN: Split.GOLDEN,
}
_SPLIT_NUMBERS = {split: number for number, split in _SPLITS.items()}
_KINDS = {
    pb.FAILURE_KIND_MISSED: FailureKind.MISSED,
    pb.FAILURE_KIND_SPURIOUS: FailureKind.SPURIOUS,
    pb.FAILURE_KIND_CONFUSED: FailureKind.CONFUSED,
}
_KIND_NUMBERS = {kind: number for number, kind in _KINDS.items()}


def asked(request: Message) -> bytes:
    """What a request asks for, so that it is known when it comes again."""
    return request.SerializeToString(deterministic=True)


def timestamp(time_us: int) -> Timestamp:
    """A time given in microseconds since 1970, UTC."""
    message = Timestamp()
    message.FromMicroseconds(time_us)
    return message


def read_status(number: pb.AnnotationStatus, field: str) -> Status:
    """The status of a number; InvalidArgument naming the field for one that is none."""
    if number not in _STATUSES:
        accepted = ", ".join(f"ANNOTATION_STATUS_{status.name}" for status in Status)
        raise InvalidArgument.of(field, f"{number} is none of {accepted}")
    return _STATUSES[number]


def read_split(number: pb.Split, field: str) -> Split:
    """The split of a number; InvalidArgument naming the field for one that is none."""
    if number not in _SPLITS:
        accepted = ", ".join(f"SPLIT_{split.name}" for split in Split if split)
        raise InvalidArgument.of(field, f"{number} is none of {accepted}")
    return _SPLITS[number]


def read_filter(message: pb.FrameFilter, field: str) -> Filter:
    """The filter of a message, not checked further."""
    return Filter(
        statuses=tuple(read_status(n, f"{field}.statuses") for n in message.statuses),
        splits=tuple(read_split(n, f"{field}.splits") for n in message.splits),
        tags=tuple(message.tags),
        fields=tuple(
            _condition(condition, f"{field}.fields[{index}]")
            for index, condition in enumerate(message.fields)
        ),
        round=message.round,
        failure_kinds=tuple(_kind(n, f"{field}.failure_kinds") for n in message.failure_kinds),
    )


def filter_(record: Filter) -> pb.FrameFilter:
    """A filter."""
    return pb.FrameFilter(
        statuses=[_STATUS_NUMBERS[status] for status in record.statuses],
        splits=[_SPLIT_NUMBERS[split] for split in record.splits],
        tags=record.tags,
        fields=[
            pb.FieldCondition(
                field=condition.field,
                equals=None if condition.equals is None else value_to_proto(condition.equals),
                at_least=condition.at_least,
                at_most=condition.at_most,
            )
            for condition in record.fields
        ],
        round=record.round,
        failure_kinds=[_KIND_NUMBERS[kind] for kind in record.failure_kinds],
    )


def frame(name: DatasetName, found: DatasetFrame) -> pb.DatasetFrame:
    """A frame of that dataset."""
    row, group = found.row, found.group
    return pb.DatasetFrame(
        name=str(DatasetFrameName(name.project, name.dataset, row.id)),
        frame=found.frame.to_proto(),
        group=row.group,
        slice=row.slice,
        fields=metadata_to_proto(row.fields),
        status=_STATUS_NUMBERS[group.status],
        split=_SPLIT_NUMBERS[group.split],
        tags=row.tags,
        failures=[
            pb.Failure(round=round_id, kinds=[_KIND_NUMBERS[kind] for kind in kinds])
            for round_id, kinds in sorted(row.failures.items())
        ],
        number=row.number,
        embedded=[vector.label_id for vector in row.vectors],
        create_time=timestamp(row.created_us),
    )


def counts(name: DatasetName, found: Counts) -> pb.DatasetCounts:
    """The counts of that dataset."""
    return pb.DatasetCounts(
        dataset=str(name),
        frames=found.frames.count,
        groups=found.groups,
        unlabelled=found.by_status[Status.UNLABELLED],
        selected=found.by_status[Status.SELECTED],
        annotated=found.by_status[Status.ANNOTATED],
        reviewed=found.by_status[Status.REVIEWED],
        train=found.by_split[Split.TRAIN],
        validation=found.by_split[Split.VALIDATION],
        test=found.by_split[Split.TEST],
        golden=found.by_split[Split.GOLDEN],
        model_id=found.frames.model_id,
        dimension=found.frames.dimension,
    )


def view(name: DatasetName, record: View) -> pb.View:
    """A view of that dataset."""
    return pb.View(
        name=str(ViewName(name.project, name.dataset, record.id)),
        display_name=record.display_name,
        filter=filter_(record.filter),
        create_time=timestamp(record.created_us),
        update_time=timestamp(record.updated_us),
        etag=str(record.etag),
    )


def round_(name: DatasetName, found: RoundSummary) -> round_pb2.Round:
    """A round of that dataset."""
    record = found.round
    return round_pb2.Round(
        name=str(RoundName(name.project, name.dataset, record.id)),
        display_name=record.display_name,
        metric_split=_SPLIT_NUMBERS[record.metric_split],
        predicted_count=found.predicted_count,
        metric=_evaluation(record.metric),
        mined=_evaluation(record.mined),
        create_time=timestamp(record.created_us),
    )


def _evaluation(record: Evaluation | None) -> round_pb2.Evaluation | None:
    if record is None:
        return None
    return round_pb2.Evaluation(
        split=_SPLIT_NUMBERS[record.split],
        frames=record.frames,
        right=record.right,
        confused=record.confused,
        missed=record.missed,
        spurious=record.spurious,
        failed_frames=record.failed_frames,
    )


def _condition(message: pb.FieldCondition, path: str) -> Condition:
    return Condition(
        field=message.field,
        equals=value_from_proto(message.equals, f"{path}.equals")
        if message.HasField("equals")
        else None,
        at_least=message.at_least if message.HasField("at_least") else None,
        at_most=message.at_most if message.HasField("at_most") else None,
    )


def _kind(number: pb.FailureKind, field: str) -> FailureKind:
    if number not in _KINDS:
        accepted = ", ".join(f"FAILURE_KIND_{kind.name}" for kind in FailureKind)
        raise InvalidArgument.of(field, f"{number} is none of {accepted}")
    return _KINDS[number]
