"""The causes of failures."""

from __future__ import annotations

import pytest

from services.curation.intervals import wilson
from services.curation.progress.failures import find_causes
from sluice.errors import InvalidArgument


def test_causes_are_worked_by_hand() -> None:
    """Both answer the label, both another, each another, one the label: 1 wrong, 2 ambiguous."""
    causes = find_causes(["car"] * 4, ["car", "van", "van", "car"], ["car", "van", "bus", "van"])

    counts = [x.count for x in (causes.ambiguous, causes.mislabelled, causes.doubtful)]
    assert [2, 1, 3] == counts
    assert wilson(3, 4) == causes.doubtful.interval


@pytest.mark.parametrize(
    ("labels", "first", "second", "field"),
    [("ab", "a", "ab", "first"), ("ab", "ab", "abc", "second"), ("", "", "", "labels")],
)
def test_answers_must_be_for_each_failure(labels: str, first: str, second: str, field: str) -> None:
    """Every failure needs two answers, and at least one failure is needed."""
    with pytest.raises(InvalidArgument, match=field):
        find_causes(labels, first, second)
