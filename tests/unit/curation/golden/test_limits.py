"""The limits of a golden set."""

from __future__ import annotations

import pytest

from services.curation.golden.limits import GoldenLimits
from sluice.errors import InvalidArgument


@pytest.mark.parametrize("limit", [-0.1, 1.1, float("nan")])
def test_a_limit_out_of_range_is_refused(limit: float) -> None:
    """A limit of 90 instead of 0.9 would let no round pass, one of -1 every round."""
    with pytest.raises(InvalidArgument, match=r"limits.agreement_fail: \S+ is not in 0…1"):
        GoldenLimits(agreement_fail=limit).check()


def test_the_bounds_of_the_range_are_accepted() -> None:
    """A limit of 0 turns a check off, one of 1 accepts no difference."""
    GoldenLimits(agreement_fail=0, iou_warn=1).check()
