"""Bounds on what a model can give a frame: cheap to compute, so that most models are skipped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.scoring.similarity import SHARPNESS

_ROUNDING = 1e-5
_SQUARES_MIN = 1e-12  # less is the rounding of equal elements, well within what is added for it
_SCATTER_MAX = 512  # eigenvalues of larger matrices take longer than what they tell is worth


@dataclass(frozen=True, slots=True)
class Bounds:
    """`centres` `(bounds, components)` and `weights` `(bounds,)`, both float32.

    The similarities of any frame to the elements, times their weights, sum up to no more than its
    similarities to the centres times these weights.
    """

    centres: NDArray[np.float32]
    weights: NDArray[np.float32]


def bound(
    elements: NDArray[np.float32], weights: NDArray[np.float64], cluster_of: NDArray[np.intp]
) -> Bounds:
    """Bound the sum over `(rows, components)` elements, cluster by cluster.

    With m the weighted mean of a cluster and x any vector of length 1, x·e − x·m has mean 0 over
    the cluster's elements e, is at most r = max |e − m|, and has at most the variance v that is the
    largest eigenvalue of their scatter. Of all such numbers those that are r with probability
    v / (v + r²), else −v / r, have the largest mean exponential (Bennett, "Probability
    Inequalities for the Sum of Independent Random Variables", 1962). Elements of negative weight
    are left out: they only take away.
    """
    cluster_bounds = [
        _bound_of(elements[of_cluster], weights[of_cluster])
        for of_cluster in np.split(
            np.argsort(cluster_of, kind="stable"), np.cumsum(np.bincount(cluster_of))[:-1]
        )
    ]
    return Bounds(
        np.array([centre for centre, _ in cluster_bounds], np.float32),
        np.array([weight for _, weight in cluster_bounds], np.float32),
    )


def _bound_of(
    elements: NDArray[np.float32], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    positive = np.maximum(weights, 0)
    total = float(positive.sum())
    if not total:
        return np.zeros(elements.shape[1]), 0.0
    rows, shares = elements[positive > 0], positive[positive > 0] / total
    centre: NDArray[np.float64] = shares @ rows
    lengths = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    squares = np.maximum(lengths - 2 * (rows @ centre) + centre @ centre, 0)
    variance = _variance(rows, shares, centre) or float(shares @ squares)
    worst = _mean_exponential(variance, float(squares.max()))
    return centre, total * worst * (1 + _ROUNDING)


def _variance(
    rows: NDArray[np.float32], shares: NDArray[np.float64], centre: NDArray[np.float64]
) -> float | None:
    """The largest variance in any direction; None where that takes long: the sum of all will do."""
    if min(rows.shape) > _SCATTER_MAX:
        return None
    scaled = (rows - centre) * np.sqrt(shares)[:, None]
    scatter = scaled @ scaled.T if len(rows) < rows.shape[1] else scaled.T @ scaled
    return float(np.linalg.eigvalsh(scatter)[-1])


def _mean_exponential(variance: float, squared_radius: float) -> float:
    """The largest mean of exp(SHARPNESS · s) that numbers s of that variance can have."""
    if squared_radius < _SQUARES_MIN or variance <= 0:
        return 1.0
    radius = np.sqrt(squared_radius)
    often = squared_radius / (squared_radius + variance)
    return float(
        often * np.exp(-SHARPNESS * variance / radius) + (1 - often) * np.exp(SHARPNESS * radius)
    )
