"""Whose fault the remaining failures are: the model's, or the labels'."""

from __future__ import annotations

from collections.abc import Sequence

from services.curation.intervals import Share
from services.records.records import Record
from sluice.errors import InvalidArgument


class FailureCauses(Record, frozen=True, kw_only=True):
    """Sampled failures by what two annotators, each alone, say they are.

    `ambiguous`: the two say different things. `mislabelled`: they agree, and the label that the
    model was held against says another. `doubtful` is both: failures that more frames cannot mend.
    """

    ambiguous: Share
    mislabelled: Share
    doubtful: Share


def find_causes(
    labels: Sequence[str], first: Sequence[str], second: Sequence[str]
) -> FailureCauses:
    """The causes of a random sample of failures, from their labels and what annotators say.

    Raises InvalidArgument where these are not equally many, or none.
    """
    for field, said in (("first", first), ("second", second)):
        if len(said) != len(labels):
            raise InvalidArgument.of(field, f"has {len(said)} answers for {len(labels)} failures")
    if not len(labels):
        raise InvalidArgument.of("labels", "are none; at least one failure must be sampled")
    total = len(labels)
    ambiguous = sum(one != other for one, other in zip(first, second, strict=True))
    mislabelled = sum(
        one == other != label for label, one, other in zip(labels, first, second, strict=True)
    )
    return FailureCauses(
        ambiguous=Share.of(ambiguous, total),
        mislabelled=Share.of(mislabelled, total),
        doubtful=Share.of(ambiguous + mislabelled, total),
    )
