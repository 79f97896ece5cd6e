"""Filters and views as messages, and back."""

from __future__ import annotations

from services.curation.datasets.filters import Condition, Filter
from services.curation.datasets.views import View
from services.curation.records import FailureKind, Split, Status
from services.curation.servicer.common_messages import timestamp
from sluice.errors import InvalidArgument
from sluice.frames import value_from_proto, value_to_proto
from sluice.names import DatasetName, ViewName
from sluice.v1 import dataset_frame_pb2 as pb

_STATUSES = {
    pb.ANNOTATION_STATUS_UNLABELLED: Status.UNLABELLED,
    pb.ANNOTATION_STATUS_SELECTED: Status.SELECTED,
    pb.ANNOTATION_STATUS_ANNOTATED: Status.ANNOTATED,
    pb.ANNOTATION_STATUS_REVIEWED: Status.REVIEWED,
}
STATUS_NUMBERS = {status: number for number, status in _STATUSES.items()}
_SPLITS = {
    pb.SPLIT_UNSPECIFIED: Split.NONE,
    pb.SPLIT_TRAIN: Split.TRAIN,
    pb.SPLIT_VALIDATION: Split.VALIDATION,
    pb.SPLIT_TEST: Split.TEST,
    pb.SPLIT_GOLDEN: Split.GOLDEN,
}
SPLIT_NUMBERS = {split: number for number, split in _SPLITS.items()}
_KINDS = {
    pb.FAILURE_KIND_MISSED: FailureKind.MISSED,
    pb.FAILURE_KIND_SPURIOUS: FailureKind.SPURIOUS,
    pb.FAILURE_KIND_CONFUSED: FailureKind.CONFUSED,
}
KIND_NUMBERS = {kind: number for number, kind in _KINDS.items()}


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
        statuses=[STATUS_NUMBERS[status] for status in record.statuses],
        splits=[SPLIT_NUMBERS[split] for split in record.splits],
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
        failure_kinds=[KIND_NUMBERS[kind] for kind in record.failure_kinds],
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
