"""Cheap upper bounds on the contrast that a model can give a frame, to skip most models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.scoring.similarity import SHARPNESS

_ROUNDING = 1e-5
_SQUARES_MIN = 1e-12  # smaller values are rounding of equal elements; _ROUNDING covers them
_SCATTER_MAX = 512  # the eigenvalues of larger matrices take too long


@dataclass(frozen=True, slots=True)
class Bounds:
    """`centres` `(bounds, components)` and `weights` `(bounds,)`, both float32.

    For any frame, the weighted sum of its similarities to the elements is at most the weighted sum
    of its similarities to the centres.
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
    are ignored: they can only lower the sum.
    """
    cluster_bounds = [
        _bound_cluster(elements[members], weights[members])
        for members in np.split(
            np.argsort(cluster_of, kind="stable"), np.cumsum(np.bincount(cluster_of))[:-1]
        )
    ]
    return Bounds(
        np.array([centre for centre, _ in cluster_bounds], np.float32),
        np.array([weight for _, weight in cluster_bounds], np.float32),
    )


def _bound_cluster(
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
    """The largest variance in any direction; None if it takes too long to compute.

    The caller then uses the total variance, which is at least as large.
    """
    if min(rows.shape) > _SCATTER_MAX:
        return None
    scaled = (rows - centre) * np.sqrt(shares)[:, None]
    scatter = scaled @ scaled.T if len(rows) < rows.shape[1] else scaled.T @ scaled
    return float(np.linalg.eigvalsh(scatter)[-1])


def _mean_exponential(variance: float, squared_radius: float) -> float:
    """The largest mean of exp(SHARPNESS · s) over numbers s with this variance and maximum."""
    if squared_radius < _SQUARES_MIN or variance <= 0:
        return 1.0
    radius = np.sqrt(squared_radius)
    often = squared_radius / (squared_radius + variance)
    return float(
        often * np.exp(-SHARPNESS * variance / radius) + (1 - often) * np.exp(SHARPNESS * radius)
    )
