"""The check of a round: its comparison with the reference round of a golden set."""

from __future__ import annotations

from collections.abc import Sequence

from services.curation.golden.agreement import Agreement, measure_agreement
from services.curation.golden.annotations import Annotations, check_classes, pair_images
from services.curation.golden.drift import Drift, measure_drift
from services.curation.golden.image_names import find_renamed
from services.curation.golden.limits import GoldenLimits
from services.curation.golden.object_pairs import pair_objects
from services.curation.golden.summary import Summary, summarise
from services.curation.golden.verdict import (
    GoldenVerdict,
    RoundEvidence,
    VerdictReason,
    conclude,
    list_reasons,
)
from services.records.records import Record


class CheckDetails(Record, frozen=True, kw_only=True):
    """The verdict on a round with its reason, and the figures that it follows from.

    `findings` are all reasons against the round, `missing` the golden images that it lacks. Drift
    and agreement are of the images of both rounds, and None without such an image.
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

    `classes` are the names of the dataset's class map; labels of other classes are listed in the
    summaries and do not count. Raises InvalidArgument for an empty class map, a duplicate name, a
    limit out of range, and rounds with different kinds of labels.
    """
    limits = limits or GoldenLimits()
    limits.check()
    check_classes(classes)
    pairs, missing = pair_images(reference, current)
    images = Annotations(tuple(image for _, image in pairs))
    drift = agreement = None
    if pairs:
        objects = pair_objects(pairs, classes)
        drift = measure_drift(
            objects.count_reference(), objects.count_current(), classes, seed=seed
        )
        agreement = measure_agreement(objects)
    summaries = summarise(reference, classes), summarise(images, classes)
    others = {image.id for image in current.images} - {image.id for image in images.images}
    evidence = RoundEvidence(
        images=len(pairs),
        missing=missing,
        renamed=find_renamed(missing, others),
        reference=summaries[0],
        current=summaries[1],
        drift=drift,
        agreement=agreement,
    )
    reasons = list_reasons(evidence, limits)
    verdict, reason = conclude(reasons, len(pairs))
    return CheckDetails(
        verdict=verdict,
        reason=reason,
        findings=reasons,
        reference=summaries[0],
        current=summaries[1],
        missing=missing,
        drift=drift,
        agreement=agreement,
    )
