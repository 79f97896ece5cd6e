"""Objectives as they read, and what greed should gain: every candidate, again for each pick."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Rows = Sequence[NDArray[np.float32]]
"""Groups, each with its rows."""

VARIANCE = 0.5


def alike(left: NDArray[np.float32], right: NDArray[np.float32]) -> float:
    """The kernel of two groups: the largest over their rows."""
    squared = ((left[:, None].astype(float) - right[None].astype(float)) ** 2).sum(axis=2)
    return float(np.exp(-squared / (2 * VARIANCE)).max())


def served(group: NDArray[np.float32], by: Rows) -> float:
    """The kernel to the most alike of some groups; 0 without any."""
    return max((alike(group, other) for other in by), default=0.0)


def coverage(clients: Rows, chosen: Rows) -> float:
    """The mean over clients of the kernel to the most alike of those chosen."""
    return float(np.mean([served(client, chosen) for client in clients]))


def joint(failures: Rows, weights: NDArray[np.float32], pool: Rows, chosen: Rows) -> float:
    """0.7 · the weighted mean over failures + 0.3 · the mean over the pool."""
    by_failure = [served(failure, chosen) for failure in failures]
    return 0.7 * float(np.average(by_failure, weights=weights)) + 0.3 * coverage(pool, chosen)


def gains_along(
    objective: Callable[[Rows], float], candidates: Rows, covered: Rows, picks: Sequence[int]
) -> list[tuple[float, float]]:
    """For each pick what it adds to the objective, and the most that any candidate would."""
    chosen, gains = list(covered), []
    for number, pick in enumerate(picks):
        value = objective(chosen)
        added = {
            index: objective([*chosen, candidate]) - value
            for index, candidate in enumerate(candidates)
            if index not in picks[:number]
        }
        gains.append((added[pick], max(added.values())))
        chosen.append(candidates[pick])
    return gains
