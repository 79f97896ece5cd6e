"""Frame filters, built from words for statuses, splits and failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sluice.checks import read_texts
from sluice.frames import MetadataInput, value_to_proto
from sluice.resources.enums import value_of
from sluice.v1 import dataset_frame_pb2 as pb

NO_SPLIT = "none"
"""The word for frames without a split."""


def frame_filter(
    *,
    statuses: Sequence[str] = (),
    splits: Sequence[str] = (),
    tags: Sequence[str] = (),
    fields: Mapping[str, MetadataInput] | None = None,
    bounds: Mapping[str, tuple[float | None, float | None]] | None = None,
    round_id: str = "",
    failures: Sequence[str] = (),
) -> pb.FrameFilter:
    """A filter whose conditions must all hold.

    A frame must have one of the `statuses` (unlabelled, selected, annotated, reviewed), one of the
    `splits` (train, validation, test, golden, none), all `tags`, the given values of `fields`,
    values within the `bounds` (minimum and maximum by field; None for no bound), and one of the
    `failures` (missed, spurious, confused) in round `round_id`. Raises InvalidArgument naming an
    unknown word.
    """
    conditions = [
        pb.FieldCondition(field=name, equals=value_to_proto(value))
        for name, value in (fields or {}).items()
    ]
    conditions += [
        pb.FieldCondition(field=name, at_least=low, at_most=high)
        for name, (low, high) in (bounds or {}).items()
    ]
    return pb.FrameFilter(
        statuses=map(read_status, read_texts("statuses", statuses)),
        splits=map(read_split, read_texts("splits", splits)),
        tags=read_texts("tags", tags),
        fields=conditions,
        round=round_id,
        failure_kinds=[
            value_of(pb.FailureKind, "FAILURE_KIND_", word, "failures")
            for word in read_texts("failures", failures)
        ],
    )


def read_status(word: str) -> pb.AnnotationStatus:
    """The status of a word."""
    status: pb.AnnotationStatus = value_of(
        pb.AnnotationStatus, "ANNOTATION_STATUS_", word, "status"
    )
    return status


def read_split(word: str) -> pb.Split:
    """The split of a word."""
    if word in ("", NO_SPLIT):
        return pb.SPLIT_UNSPECIFIED
    split: pb.Split = value_of(pb.Split, "SPLIT_", word, "split")
    return split
