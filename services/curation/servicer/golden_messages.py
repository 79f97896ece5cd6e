"""Golden sets and their checks as messages."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import islice
from typing import Final

from services.curation.golden.agreement import Agreement
from services.curation.golden.drift import Drift
from services.curation.golden.gate import GoldenGate
from services.curation.golden.limits import GoldenLimits
from services.curation.golden.records import CheckOverride, GoldenSet, RoundCheck, check_name
from services.curation.golden.round_check import CheckDetails
from services.curation.golden.summary import Summary
from services.curation.golden.verdict import GoldenVerdict
from services.curation.servicer.common_messages import interval, share, timestamp
from sluice.class_names import suggest_class
from sluice.names import DatasetName, GoldenCheckName, GoldenSetName
from sluice.v1 import golden_set_pb2 as pb

LISTED_MAX: Final = 1_000
"""Items of a list without a limit that a message has at most."""

_VERDICTS: Final = {
    GoldenVerdict.PASS: pb.GOLDEN_VERDICT_PASS,
    GoldenVerdict.WARN: pb.GOLDEN_VERDICT_WARN,
    GoldenVerdict.FAIL: pb.GOLDEN_VERDICT_FAIL,
    GoldenVerdict.INSUFFICIENT: pb.GOLDEN_VERDICT_INSUFFICIENT,
}


def read_limits(message: pb.GoldenLimits) -> GoldenLimits:
    """The limits of a message, not checked further."""
    return GoldenLimits(**{field.name: value for field, value in message.ListFields()})


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
        crowd_count=record.crowds,
        other_classes=record.other_classes,
        suggested_classes=_suggestions(record.other_classes, record.classes),
        digest=record.annotations,
        create_time=timestamp(record.created_us),
    )


def check(
    name: GoldenSetName, record: RoundCheck, details: CheckDetails | None = None
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
        details=None if details is None else _details(details),
    )


def gate(name: DatasetName, record: GoldenGate) -> pb.GoldenGate:
    """The gate of that dataset."""
    return pb.GoldenGate(
        dataset=str(name),
        blocked=bool(record.blocking),
        reason=record.reason,
        checks=[check(golden_set_of(full_name), newest) for full_name, newest in record.checks],
    )


def golden_set_of(name: GoldenCheckName) -> GoldenSetName:
    """The golden set of a check."""
    return GoldenSetName(name.project, name.dataset, name.golden_set)


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
        crowds=record.crowds,
        other_labels=record.other_labels,
    )


def _suggestions(names: Iterable[str], classes: Collection[str]) -> dict[str, str]:
    """The class of the class map that each name may stand for, where there is one."""
    suggestions = {name: suggest_class(name, classes) for name in names}
    return {name: suggestion for name, suggestion in suggestions.items() if suggestion}


def _details(record: CheckDetails) -> pb.CheckDetails:
    other_classes = dict(islice(record.current.other_classes.items(), LISTED_MAX))
    return pb.CheckDetails(
        findings=[
            pb.CheckDetails.Finding(verdict=_VERDICTS[entry.verdict], reason=entry.reason)
            for entry in record.findings
        ],
        reference=_summary(record.reference),
        other_classes=other_classes,
        suggested_classes=_suggestions(other_classes, record.current.class_counts),
        missing=record.missing[:LISTED_MAX],
        drift=None if record.drift is None else _drift(record.drift),
        agreement=None if record.agreement is None else _agreement(record.agreement),
    )


def _drift(record: Drift) -> pb.GoldenDrift:
    empty, detections = record.empty, record.detections
    return pb.GoldenDrift(
        classes=[
            pb.GoldenDrift.ClassDrift(
                name=entry.name,
                reference=entry.reference,
                current=entry.current,
                p_value=entry.p_value,
                p_adjusted=entry.p_adjusted,
            )
            for entry in record.classes
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
                name=entry.name, precision=share(entry.precision), recall=share(entry.recall)
            )
            for entry in record.classes
        ],
        recall_by_size={size: share(entry) for size, entry in record.recall_by_size.items()},
        confusion=[
            pb.GoldenAgreement.Confusion(
                reference=entry.reference, current=entry.current, count=entry.count
            )
            for entry in record.confusion[:LISTED_MAX]
        ],
    )
