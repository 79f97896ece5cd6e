"""The number of groups in a batch, and its apportionment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from sluice.errors import InvalidArgument

BUDGET: Final = 0.2
BUDGET_MIN: Final = 10
TARGETED_SHARE: Final = 0.7


def batch_size(budget: float, remaining: int, field: str = "budget") -> int:
    """The number of groups for a budget: an int is a count, a float a fraction of `remaining`.

    A fraction is rounded half up and means at least 10 groups; no budget means more groups than
    remain. Raises InvalidArgument naming the field for a count below 1, and for a fraction
    outside (0, 1].
    """
    if isinstance(budget, bool) or not math.isfinite(budget):
        raise InvalidArgument.of(field, f"{budget}; expected a count or a fraction")
    if isinstance(budget, int):
        if budget < 1:
            raise InvalidArgument.of(field, f"{budget}; expected a count of at least 1")
        return min(budget, remaining)
    if not 0 < budget <= 1:
        raise InvalidArgument.of(field, f"{budget}; expected a fraction above 0 and up to 1")
    return min(max(math.floor(budget * remaining + 0.5), BUDGET_MIN), remaining)


def apportion(total: int, shares: Sequence[float]) -> list[int]:
    """Integer parts of `total` in proportion to `shares`, by largest remainder; ties to the first.

    Shares must be at least 0, and not all 0.
    """
    exact = [total * share / math.fsum(shares) for share in shares]
    parts = [math.floor(part) for part in exact]
    remainders = [part - whole for part, whole in zip(exact, parts)]
    by_remainder = sorted(range(len(shares)), key=lambda index: -remainders[index])
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts
