"""The verdict on a round: whether annotations like it can be trusted.

Without drift at most one round of twenty gets a reason against it: the three tests that can give
one share that twentieth. A reason from a test fails the round only if the change is also large
enough to matter, since a large golden set makes any change significant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from services.curation.golden.agreement import Agreement
from services.curation.golden.drift import ClassDrift, Drift
from services.curation.golden.limits import GoldenLimits
from services.curation.golden.summary import Summary
from services.curation.intervals import Share
from services.records.records import Record
from sluice.class_names import describe_classes, suggest_class

IMAGES_MIN: Final = 30
"""With fewer images a class would have to lose most of its objects to be noticed."""

CLASS_LEVEL: Final = 0.03
"""Significance level of class counts, of 0.05 for all tests: drift shows there first."""

EMPTY_LEVEL: Final = 0.01
"""Significance level of the share of empty images."""

DETECTIONS_LEVEL: Final = 0.01
"""Significance level of the number of detections."""


class GoldenVerdict(StrEnum):
    """The quality of a round, from best to worst; `insufficient` if too little was compared."""

    PASS = "pass"  # noqa: S105  # no password
    WARN = "warn"
    FAIL = "fail"
    INSUFFICIENT = "insufficient"


class VerdictReason(Record, frozen=True, kw_only=True):
    """One reason against a round, as a sentence."""

    verdict: GoldenVerdict
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundEvidence:
    """What the verdict on a round follows from.

    `images` is the number of annotated golden images, `missing` are the others, and `renamed` those
    of them that the round may have under the other name. Drift and agreement are None without
    images.
    """

    images: int
    missing: Sequence[str]
    renamed: Mapping[str, str]
    reference: Summary
    current: Summary
    drift: Drift | None
    agreement: Agreement | None


def list_reasons(evidence: RoundEvidence, limits: GoldenLimits) -> tuple[VerdictReason, ...]:
    """All reasons against a round, the worst first."""
    drift, agreement = evidence.drift, evidence.agreement
    if evidence.images < IMAGES_MIN or drift is None or agreement is None:
        reason = f"only {evidence.images} golden images were annotated; {IMAGES_MIN} are needed"
        return (_insufficient(reason + _describe_renamed(evidence.renamed)),)
    sides = (evidence.reference, evidence.current)
    if not any(side.detections for side in sides) and any(side.other_labels for side in sides):
        return (_insufficient(f"nothing was compared: {_describe_uncounted(*sides)}"),)
    reasons = [
        *_check_class_names(evidence),
        *_check_classes(drift, limits),
        *_check_empty(drift, limits),
        *_check_agreement(agreement, limits),
        *_check_detections(drift),
        *_check_boxes(agreement, limits),
        *_check_missing(evidence),
    ]
    return tuple(sorted(reasons, key=lambda reason: reason.verdict is not GoldenVerdict.FAIL))


def conclude(reasons: Sequence[VerdictReason], images: int) -> tuple[GoldenVerdict, str]:
    """The verdict of the worst reason, and its sentence with the number of further reasons."""
    if not reasons:
        return GoldenVerdict.PASS, f"no drift was found in {images} images"
    worst, others = reasons[0], len(reasons) - 1
    more = f" (and {others} more finding{'s' if others > 1 else ''})" if others else ""
    return worst.verdict, worst.reason + more


def _reason(fails: bool, reason: str) -> VerdictReason:
    verdict = GoldenVerdict.FAIL if fails else GoldenVerdict.WARN
    return VerdictReason(verdict=verdict, reason=reason)


def _insufficient(reason: str) -> VerdictReason:
    return VerdictReason(verdict=GoldenVerdict.INSUFFICIENT, reason=reason)


def _check_class_names(evidence: RoundEvidence) -> Iterator[VerdictReason]:
    """A reason where no label of the round counts, or where some would under another name."""
    current = evidence.current
    if current.other_labels and not current.detections:
        yield _reason(True, _describe_uncounted(current))
        return
    for owner, side in (("golden set", evidence.reference), ("round", current)):
        misspelt = {
            name: count
            for name, count in side.other_classes.items()
            if suggest_class(name, side.class_counts)
        }
        if misspelt:
            classes = describe_classes(misspelt, side.class_counts)
            yield _reason(False, f"labels of the {owner} were not counted: {classes}")


def _describe_uncounted(*sides: Summary) -> str:
    counts = sum((Counter(side.other_classes) for side in sides), Counter[str]())
    classes = describe_classes(counts, sides[0].class_counts)
    return f"none of {counts.total():,} labels has a class of the class map: {classes}"


def _describe_renamed(renamed: Mapping[str, str]) -> str:
    if not renamed:
        return ""
    old, new = next(iter(renamed.items()))
    return f"; {len(renamed):,} may have other names: {new!r} in the round for {old!r}"


def _check_classes(drift: Drift, limits: GoldenLimits) -> Iterator[VerdictReason]:
    for class_drift in sorted(drift.classes, key=lambda class_drift: class_drift.p_adjusted):
        if class_drift.p_adjusted <= CLASS_LEVEL:
            change = class_drift.change
            large = change is None or abs(change) >= limits.class_change_fail
            yield _reason(large, _describe_class(class_drift))


def _describe_class(drift: ClassDrift) -> str:
    change = "" if drift.change is None else f"{drift.change:+.0%}, "
    return (
        f"class {drift.name!r} has {drift.current} objects where the reference has "
        f"{drift.reference} ({change}p = {drift.p_adjusted:.2g})"
    )


def _check_empty(drift: Drift, limits: GoldenLimits) -> Iterator[VerdictReason]:
    empty = drift.empty
    if empty.p_value <= EMPTY_LEVEL:
        change = abs(empty.emptied - empty.filled) / empty.current.total
        reason = (
            f"{empty.current.count} of {empty.current.total} images are empty where "
            f"{empty.reference.count} were (p = {empty.p_value:.2g})"
        )
        yield _reason(change >= limits.empty_change_fail, reason)


def _check_agreement(agreement: Agreement, limits: GoldenLimits) -> Iterator[VerdictReason]:
    """Reasons only where the whole interval is below a limit: few objects prove little."""
    floors = (limits.agreement_fail, limits.agreement_warn)
    yield from _check_share("of the reference's objects", agreement.recall, *floors)
    yield from _check_share("of the round's objects", agreement.precision, *floors)
    floor = limits.class_agreement_fail
    for of_class in agreement.classes:
        name = repr(of_class.name)
        yield from _check_share(f"of the reference's {name} objects", of_class.recall, floor, floor)
        yield from _check_share(f"of the round's {name} objects", of_class.precision, floor, floor)


def _check_share(objects: str, share: Share, fail: float, warn: float) -> Iterator[VerdictReason]:
    best = share.interval.high
    if best < max(fail, warn):
        limit = fail if best < fail else warn
        reason = f"{share.count} of {share.total} {objects} agree, surely under {limit:.0%}"
        yield _reason(best < fail, reason)


def _check_detections(drift: Drift) -> Iterator[VerdictReason]:
    detections = drift.detections
    if detections.p_value <= DETECTIONS_LEVEL:
        reason = (
            f"images have {detections.current:.2f} detections where they had "
            f"{detections.reference:.2f} (p = {detections.p_value:.2g})"
        )
        yield _reason(False, reason)


def _check_boxes(agreement: Agreement, limits: GoldenLimits) -> Iterator[VerdictReason]:
    interval = agreement.mean_iou_interval
    if interval is not None and interval.high < limits.iou_warn:
        reason = (
            f"matched boxes overlap by {agreement.mean_iou:.2f}, surely under {limits.iou_warn}"
        )
        yield _reason(False, reason)


def _check_missing(evidence: RoundEvidence) -> Iterator[VerdictReason]:
    if missing := evidence.missing:
        reason = (
            f"{len(missing)} of {len(missing) + evidence.images} golden images were not annotated, "
            f"{missing[0]!r} first; those left out may be the hard ones"
        )
        yield _reason(False, reason + _describe_renamed(evidence.renamed))
