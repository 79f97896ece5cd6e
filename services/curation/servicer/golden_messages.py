"""Golden sets and their checks as messages."""

from __future__ import annotations

from itertools import islice
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from services.curation.golden.agreement import Agreement
from services.curation.golden.drift import Drift
from services.curation.golden.gate import GoldenGate
from services.curation.golden.limits import GoldenLimits
from services.curation.golden.records import CheckOverride, GoldenSet, RoundCheck, check_name
from services.curation.golden.round_check import CheckDetails
from services.curation.golden.summary import Summary
from services.curation.golden.verdict import GoldenVerdict
from services.curation.intervals import Interval, Share
from sluice.names import DatasetName, GoldenSetName
from sluice.v1 import golden_set_pb2 as pb

LISTED_MAX: Final = 1_000
"""Items of what a round may have any number of."""

_VERDICTS: Final = {
    GoldenVerdict.PASS: pb.GOLDEN_VERDICT_PASS,
    GoldenVerdict.WARN: pb.GOLDEN_VERDICT_WARN,
    GoldenVerdict.FAIL: pb.GOLDEN_VERDICT_FAIL,
    GoldenVerdict.INSUFFICIENT: pb.GOLDEN_VERDICT_INSUFFICIENT,
}


def timestamp(time_us: int) -> Timestamp:
    """A time given in microseconds since 1970, UTC."""
    message = Timestamp()
    message.FromMicroseconds(time_us)
    return message


def read_limits(message: pb.GoldenLimits) -> GoldenLimits:
    """The limits of a message, not checked further."""
    return GoldenLimits(**{field.name: value for field, value in message.ListFields()})


def interval(record: Interval | None) -> pb.Interval | None:
    """An interval, if there is one."""
    return None if record is None else pb.Interval(low=record.low, high=record.high)


def share(record: Share) -> pb.Share:
    """A share."""
    return pb.Share(count=record.count, total=record.total, interval=interval(record.interval))


def golden_set(dataset: DatasetName, record: GoldenSet) -> pb.GoldenSet:
    """A golden set of that dataset."""
    limits = record.limits
    return pb.GoldenSet(
        name=str(GoldenSetName(dataset.project, dataset.dataset, record.id)),
        display_name=record.display_name,
        task_type=f"TASK_TYPE_{record.task_type.name}",
        classes=record.classes,
        limits=pb.GoldenLimits(
            **{name: getattr(limits, name) for name in GoldenLimits.__struct_fields__}
        ),
        image_count=record.images,
        label_count=record.labels,
        digest=record.annotations,
        create_time=timestamp(record.created_us),
    )


def check(
    name: GoldenSetName, record: RoundCheck, whole: CheckDetails | None = None
) -> pb.GoldenCheck:
    """A check of that golden set, with its details where they are given."""
    key = record.key
    return pb.GoldenCheck(
        name=str(check_name(name, key)),
        round=key.round,
        schema_version=key.schema_version,
        annotator=key.annotator,
        guideline_version=key.guideline_version,
        verdict=_VERDICTS[record.verdict],
        reason=record.reason,
        summary=_summary(record.summary),
        missing_count=record.missing,
        digest=record.annotations,
        create_time=timestamp(record.created_us),
        override=_override(record.override),
        blocks=record.blocks,
        details=None if whole is None else _details(whole),
    )


def gate(name: DatasetName, record: GoldenGate) -> pb.GoldenGate:
    """The gate of that dataset."""
    return pb.GoldenGate(
        dataset=str(name),
        blocked=bool(record.blocking),
        reason=record.reason,
        checks=[
            check(GoldenSetName(found.project, found.dataset, found.golden_set), each)
            for found, each in record.checks
        ],
    )


def _override(record: CheckOverride | None) -> pb.CheckOverride | None:
    if record is None:
        return None
    return pb.CheckOverride(
        reason=record.reason,
        decided_by=record.decided_by,
        api_key_id=record.key_id,
        create_time=timestamp(record.created_us),
    )


def _summary(record: Summary) -> pb.AnnotationSummary:
    return pb.AnnotationSummary(
        images=record.images,
        images_with_labels=record.images_with_labels,
        detections=record.detections,
        detections_per_image=record.detections_per_image,
        class_counts=record.class_counts,
    )


def _details(record: CheckDetails) -> pb.CheckDetails:
    return pb.CheckDetails(
        findings=[
            pb.CheckDetails.Finding(verdict=_VERDICTS[found.verdict], reason=found.reason)
            for found in record.findings
        ],
        reference=_summary(record.reference),
        other_classes=dict(islice(record.current.other_classes.items(), LISTED_MAX)),
        missing=record.missing[:LISTED_MAX],
        drift=None if record.drift is None else _drift(record.drift),
        agreement=None if record.agreement is None else _agreement(record.agreement),
    )


def _drift(record: Drift) -> pb.GoldenDrift:
    empty, detections = record.empty, record.detections
    return pb.GoldenDrift(
        classes=[
            pb.GoldenDrift.ClassDrift(
                name=found.name,
                reference=found.reference,
                current=found.current,
                p_value=found.p_value,
                p_adjusted=found.p_adjusted,
            )
            for found in record.classes
        ],
        empty=pb.GoldenDrift.EmptyDrift(
            reference=share(empty.reference),
            current=share(empty.current),
            emptied=empty.emptied,
            filled=empty.filled,
            p_value=empty.p_value,
        ),
        detections=pb.GoldenDrift.DetectionsDrift(
            reference=detections.reference,
            current=detections.current,
            current_interval=interval(detections.current_interval),
            difference=detections.difference,
            difference_interval=interval(detections.difference_interval),
            p_value=detections.p_value,
        ),
        jensen_shannon=record.jensen_shannon,
        psi=record.psi,
    )


def _agreement(record: Agreement) -> pb.GoldenAgreement:
    return pb.GoldenAgreement(
        precision=share(record.precision),
        recall=share(record.recall),
        located=share(record.located),
        mean_iou=record.mean_iou,
        mean_iou_interval=interval(record.mean_iou_interval),
        classes=[
            pb.GoldenAgreement.ClassAgreement(
                name=found.name, precision=share(found.precision), recall=share(found.recall)
            )
            for found in record.classes
        ],
        recall_by_size={size: share(found) for size, found in record.recall_by_size.items()},
        confusion=[
            pb.GoldenAgreement.Confusion(
                reference=found.reference, current=found.current, count=found.count
            )
            for found in record.confusion[:LISTED_MAX]
        ],
    )
