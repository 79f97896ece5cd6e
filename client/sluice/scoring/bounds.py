"""Bounds on what a model can give a frame: cheap to compute, so that most models are skipped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.scoring.similarity import SHARPNESS


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
    found = [
        _bound_of(elements[of_cluster], weights[of_cluster])
        for of_cluster in np.split(
            np.argsort(cluster_of, kind="stable"), np.cumsum(np.bincount(cluster_of))[:-1]
        )
    ]
    return Bounds(
        np.array([centre for centre, _ in found], np.float32),
        np.array([weight for _, weight in found], np.float32),
    )


def _bound_of(
    elements: NDArray[np.float32], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    positive = np.maximum(weights, 0)
    total = float(positive.sum())
    if not total:
        return np.zeros(elements.shape[1]), 0.0
    rows = elements[positive > 0].astype(np.float64)
    shares = positive[positive > 0] / total
    centre: NDArray[np.float64] = shares @ rows
    apart = rows - centre
    squared_radius = float(np.einsum("ij,ij->i", apart, apart).max())
    scaled = apart * np.sqrt(shares)[:, None]
    scatter = scaled @ scaled.T if len(rows) < rows.shape[1] else scaled.T @ scaled
    variance = float(np.linalg.eigvalsh(scatter)[-1])
    return centre, total * _mean_exponential(variance, squared_radius) * _ROUNDING


_ROUNDING = 1 + 1e-5


def _mean_exponential(variance: float, squared_radius: float) -> float:
    """The largest mean of exp(SHARPNESS · s) that numbers s of that variance can have."""
    if not squared_radius or not variance:
        return 1.0
    radius = np.sqrt(squared_radius)
    often = squared_radius / (squared_radius + variance)
    return float(
        often * np.exp(-SHARPNESS * variance / radius) + (1 - often) * np.exp(SHARPNESS * radius)
    )
