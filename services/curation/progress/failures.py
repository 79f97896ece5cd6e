"""The causes of the remaining failures: the model, or the labels."""

from __future__ import annotations

from collections.abc import Sequence

from services.curation.intervals import Share
from services.records.records import Record
from sluice.errors import InvalidArgument


class FailureCauses(Record, frozen=True, kw_only=True):
    """Shares of sampled failures, from the independent answers of two annotators.

    `ambiguous`: the two answers differ. `mislabelled`: they agree with each other, and not with the
    label. `doubtful` is the sum of both: failures that more frames cannot fix.
    """

    ambiguous: Share
    mislabelled: Share
    doubtful: Share


def find_causes(
    labels: Sequence[str], first: Sequence[str], second: Sequence[str]
) -> FailureCauses:
    """The causes of a random sample of failures, from their labels and annotators' answers.

    Raises InvalidArgument for lengths that differ, and for no failure.
    """
    for field, given in (("first", first), ("second", second)):
        if len(given) != len(labels):
            raise InvalidArgument.of(field, f"{len(given)} answers for {len(labels)} failures")
    if not len(labels):
        raise InvalidArgument.of("labels", "no failures; at least one is required")
    total = len(labels)
    answers = list(zip(labels, first, second, strict=True))
    ambiguous = sum(a != b for _, a, b in answers)
    mislabelled = sum(a == b != label for label, a, b in answers)
    return FailureCauses(
        ambiguous=Share.of(ambiguous, total),
        mislabelled=Share.of(mislabelled, total),
        doubtful=Share.of(ambiguous + mislabelled, total),
    )
