"""The verdict on a round: whether annotations like it can be trusted.

Without drift at most one round of twenty gets a reason against it: the three tests that can give
one share that twentieth. A reason from a test fails the round only if the change is also large
enough to matter, since a large golden set makes any change significant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

from services.curation.golden.agreement import Agreement
from services.curation.golden.drift import ClassDrift, Drift
from services.curation.golden.limits import GoldenLimits
from services.curation.intervals import Share
from services.records.records import Record

IMAGES_MIN: Final = 30
"""With fewer images a class would have to lose most of its objects to be noticed."""

CLASS_LEVEL: Final = 0.03
"""Significance level of class counts, of 0.05 for all tests: drift shows there first."""

EMPTY_LEVEL: Final = 0.01
"""Significance level of the share of empty images."""

DETECTIONS_LEVEL: Final = 0.01
"""Significance level of the number of detections."""


class GoldenVerdict(StrEnum):
    """The quality of a round, from best to worst; `insufficient` if it has too few images."""

    PASS = "pass"  # noqa: S105  # no password
    WARN = "warn"
    FAIL = "fail"
    INSUFFICIENT = "insufficient"


class VerdictReason(Record, frozen=True, kw_only=True):
    """One reason against a round, as a sentence."""

    verdict: GoldenVerdict
    reason: str


def list_reasons(
    images: int,
    missing: Sequence[str],
    drift: Drift | None,
    agreement: Agreement | None,
    limits: GoldenLimits,
) -> tuple[VerdictReason, ...]:
    """All reasons against a round of so many golden images, the worst first."""
    if images < IMAGES_MIN or drift is None or agreement is None:
        reason = f"only {images} golden images were annotated; {IMAGES_MIN} are needed"
        return (VerdictReason(verdict=GoldenVerdict.INSUFFICIENT, reason=reason),)
    reasons = [
        *_check_classes(drift, limits),
        *_check_empty(drift, limits),
        *_check_agreement(agreement, limits),
        *_check_detections(drift),
        *_check_boxes(agreement, limits),
        *_check_missing(missing, images),
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


def _check_missing(missing: Sequence[str], annotated: int) -> Iterator[VerdictReason]:
    if missing:
        reason = (
            f"{len(missing)} of {len(missing) + annotated} golden images were not annotated, "
            f"{missing[0]!r} first; those left out may be the hard ones"
        )
        yield _reason(False, reason)
