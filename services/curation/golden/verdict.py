"""The verdict on a round: whether what is annotated like this may be trusted.

Without drift a round is called into question in at most one of twenty: the three tests that can
do so share that twentieth. What they find fails the round only where it is also large enough to
matter, since a large golden set makes any difference certain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

from msgspec import structs

from services.curation.golden.agreement import Agreement, measure_agreement
from services.curation.golden.annotations import (
    AnnotatedImage,
    Annotations,
    check_classes,
    count_classes,
    pair_images,
)
from services.curation.golden.drift import ClassDrift, Drift, measure_drift
from services.curation.golden.summary import Summary, summarise
from services.curation.intervals import Share
from services.records.records import Record
from sluice.errors import InvalidArgument

IMAGES_MIN: Final = 30
"""With fewer images a class would have to lose most of its objects to be noticed."""

CLASS_LEVEL: Final = 0.03
"""Of the 0.05 for all tests, what class counts may spend: drift shows there first."""

EMPTY_LEVEL: Final = 0.01
"""What the share of empty images may spend of it."""

DETECTIONS_LEVEL: Final = 0.01
"""What the number of detections may spend of it."""

CLASS_CHANGE_FAIL: Final = 0.10
"""A class that gained or lost a tenth of its objects trains another model; less is a warning."""

EMPTY_CHANGE_FAIL: Final = 0.05
"""As is one image in twenty that became empty or stopped being so."""

AGREEMENT_WARN: Final = 0.90
"""Two careful annotators agree on nine objects of ten; a round that surely does not is odd."""

AGREEMENT_FAIL: Final = 0.75
"""Where one object of four differs, labels are worth less than the model that is to learn them."""

CLASS_AGREEMENT_FAIL: Final = 0.50
"""Of one class, at least half. Not more: two labels of a hundred put at random can be a fifth of a
rare class, so only the rounds as a whole are held to the limits above."""

IOU_WARN: Final = 0.75
"""COCO's strict match: boxes looser than this make every later figure at that IoU meaningless."""


class GoldenVerdict(StrEnum):
    """What a round is worth, from best to worst; `insufficient` says that nobody can know."""

    PASS = "pass"  # noqa: S105  # no password
    WARN = "warn"
    FAIL = "fail"
    INSUFFICIENT = "insufficient"


class VerdictReason(Record, frozen=True, kw_only=True):
    """One thing that speaks against a round, in a sentence."""

    verdict: GoldenVerdict
    reason: str


class GoldenLimits(Record, frozen=True, kw_only=True):
    """Where warnings and failures begin; a team whose objects are harder sets its own."""

    class_change_fail: float = CLASS_CHANGE_FAIL
    empty_change_fail: float = EMPTY_CHANGE_FAIL
    agreement_warn: float = AGREEMENT_WARN
    agreement_fail: float = AGREEMENT_FAIL
    class_agreement_fail: float = CLASS_AGREEMENT_FAIL
    iou_warn: float = IOU_WARN

    def check(self, field: str = "limits") -> None:
        """Raise InvalidArgument naming the limit, below `field`, that is not in 0…1."""
        for name, limit in structs.asdict(self).items():
            if not 0 <= limit <= 1:
                raise InvalidArgument.of(f"{field}.{name}", f"{limit} is not in 0…1")


class CheckDetails(Record, frozen=True, kw_only=True):
    """The verdict on a round with its reason, and all that it rests on.

    `missing` are the golden images that the round lacks. Drift and agreement are of the images
    of both, and None where there is none.
    """

    verdict: GoldenVerdict
    reason: str
    findings: tuple[VerdictReason, ...]
    reference: Summary
    current: Summary
    missing: tuple[str, ...]
    drift: Drift | None
    agreement: Agreement | None


def check_round(
    reference: Annotations,
    current: Annotations,
    classes: Sequence[str],
    *,
    limits: GoldenLimits | None = None,
    seed: int = 0,
) -> CheckDetails:
    """Compare a round with the reference round of the same golden set.

    `classes` are the names of the dataset's class map; other labels are listed in the summaries
    and play no part. Raises InvalidArgument for a map that is empty or has a name twice, a bad
    limit, and rounds of different kinds of labels.
    """
    limits = limits or GoldenLimits()
    limits.check()
    check_classes(classes)
    pairs, missing = pair_images(reference, current)
    images = Annotations(tuple(image for _, image in pairs))
    drift = agreement = None
    if pairs:
        drift = _drift(pairs, classes, seed)
        agreement = measure_agreement(pairs, classes)
    findings = _findings(pairs, missing, drift, agreement, limits)
    verdict, reason = _conclude(findings, len(pairs))
    return CheckDetails(
        verdict=verdict,
        reason=reason,
        findings=findings,
        reference=summarise(reference, classes),
        current=summarise(images, classes),
        missing=missing,
        drift=drift,
        agreement=agreement,
    )


def _drift(
    pairs: Sequence[tuple[AnnotatedImage, AnnotatedImage]], classes: Sequence[str], seed: int
) -> Drift:
    return measure_drift(
        count_classes([first for first, _ in pairs], classes),
        count_classes([second for _, second in pairs], classes),
        classes,
        seed=seed,
    )


def _findings(
    pairs: Sequence[tuple[AnnotatedImage, AnnotatedImage]],
    missing: Sequence[str],
    drift: Drift | None,
    agreement: Agreement | None,
    limits: GoldenLimits,
) -> tuple[VerdictReason, ...]:
    """All findings, the worst first."""
    if len(pairs) < IMAGES_MIN or drift is None or agreement is None:
        reason = f"only {len(pairs)} golden images were annotated; {IMAGES_MIN} are needed"
        return (VerdictReason(verdict=GoldenVerdict.INSUFFICIENT, reason=reason),)
    found = [
        *_of_classes(drift, limits),
        *_of_empty(drift, limits),
        *_of_agreement(agreement, limits),
        *_of_detections(drift),
        *_of_boxes(agreement, limits),
        *_of_missing(missing, len(pairs)),
    ]
    return tuple(sorted(found, key=lambda finding: finding.verdict is not GoldenVerdict.FAIL))


def _conclude(findings: Sequence[VerdictReason], images: int) -> tuple[GoldenVerdict, str]:
    if not findings:
        return GoldenVerdict.PASS, f"no drift was found in {images} images"
    worst, others = findings[0], len(findings) - 1
    more = f" (and {others} more finding{'s' if others > 1 else ''})" if others else ""
    return worst.verdict, worst.reason + more


def _worse(fails: bool, reason: str) -> VerdictReason:
    return VerdictReason(verdict=GoldenVerdict.FAIL if fails else GoldenVerdict.WARN, reason=reason)


def _of_classes(drift: Drift, limits: GoldenLimits) -> Iterator[VerdictReason]:
    for found in sorted(drift.classes, key=lambda found: found.p_adjusted):
        if found.p_adjusted <= CLASS_LEVEL:
            large = found.change is None or abs(found.change) >= limits.class_change_fail
            yield _worse(large, _class_reason(found))


def _class_reason(found: ClassDrift) -> str:
    change = "" if found.change is None else f"{found.change:+.0%}, "
    return (
        f"class {found.name!r} has {found.current} objects where the reference has "
        f"{found.reference} ({change}p = {found.p_adjusted:.2g})"
    )


def _of_empty(drift: Drift, limits: GoldenLimits) -> Iterator[VerdictReason]:
    empty = drift.empty
    if empty.p_value <= EMPTY_LEVEL:
        change = abs(empty.emptied - empty.filled) / empty.current.total
        reason = (
            f"{empty.current.count} of {empty.current.total} images are empty where "
            f"{empty.reference.count} were (p = {empty.p_value:.2g})"
        )
        yield _worse(change >= limits.empty_change_fail, reason)


def _of_agreement(agreement: Agreement, limits: GoldenLimits) -> Iterator[VerdictReason]:
    """Findings only where a whole interval lies below a limit: few objects prove little."""
    floors = (limits.agreement_fail, limits.agreement_warn)
    yield from _of_share("of the reference's objects", agreement.recall, *floors)
    yield from _of_share("of the round's objects", agreement.precision, *floors)
    floor = limits.class_agreement_fail
    for found in agreement.classes:
        name = repr(found.name)
        yield from _of_share(f"of the reference's {name} objects", found.recall, floor, floor)
        yield from _of_share(f"of the round's {name} objects", found.precision, floor, floor)


def _of_share(what: str, share: Share, fail: float, warn: float) -> Iterator[VerdictReason]:
    best = share.interval.high
    if best < max(fail, warn):
        limit = fail if best < fail else warn
        reason = f"{share.count} of {share.total} {what} agree, surely under {limit:.0%}"
        yield _worse(best < fail, reason)


def _of_detections(drift: Drift) -> Iterator[VerdictReason]:
    found = drift.detections
    if found.p_value <= DETECTIONS_LEVEL:
        reason = (
            f"images have {found.current:.2f} detections where they had {found.reference:.2f} "
            f"(p = {found.p_value:.2g})"
        )
        yield _worse(False, reason)


def _of_boxes(agreement: Agreement, limits: GoldenLimits) -> Iterator[VerdictReason]:
    interval = agreement.mean_iou_interval
    if interval is not None and interval.high < limits.iou_warn:
        reason = (
            f"matched boxes overlap by {agreement.mean_iou:.2f}, surely under {limits.iou_warn}"
        )
        yield _worse(False, reason)


def _of_missing(missing: Sequence[str], annotated: int) -> Iterator[VerdictReason]:
    if missing:
        reason = (
            f"{len(missing)} of {len(missing) + annotated} golden images were not annotated, "
            f"{missing[0]!r} first; those left out may be the hard ones"
        )
        yield _worse(False, reason)
