"""Clusters of an issue's elements, used to explain scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.scoring.vectors import blocks

CLUSTERS_MAX = 256
RADIUS_MIN = 0.05
"""The radius of a cluster whose elements (nearly) coincide: an angle of 3 degrees."""

_ITERATIONS_MAX = 25
_RADIUS_TENTHS = 9  # a cluster's radius holds this many tenths of its elements


@dataclass(frozen=True, slots=True)
class Clusters:
    """The cluster number of each row, `(rows,)`, and the clusters' centroids and radii."""

    cluster_of: NDArray[np.intp]
    centroids: NDArray[np.float32]
    radii: NDArray[np.float32]


def cluster(rows: NDArray[np.float32], weights: NDArray[np.intp]) -> Clusters:
    """Divide `(rows, components)` unique rows into about √(rows / 2) clusters by weighted Lloyd.

    A row counts as many times as its weight. Deterministic; no cluster is empty. A radius is the
    distance from the centroid that covers nine tenths of the cluster's weight.
    """
    count = int(np.clip(round(np.sqrt(len(rows) / 2)), 1, CLUSTERS_MAX))
    centroids = rows[_choose_farthest_first(rows, weights, count)]
    cluster_of = nearest_centroids(rows, centroids)
    for _ in range(_ITERATIONS_MAX):
        centroids = _means(rows, weights, cluster_of)
        updated = nearest_centroids(rows, centroids)
        if np.array_equal(updated, cluster_of):
            break
        cluster_of = updated
    # Drop clusters that lost all their rows, and renumber the others.
    cluster_of = np.unique(cluster_of, return_inverse=True)[1]
    centroids = _means(rows, weights, cluster_of)
    distances = np.linalg.norm(rows - centroids[cluster_of], axis=1)
    return Clusters(cluster_of, centroids, _radii(distances, weights, cluster_of))


def _choose_farthest_first(
    rows: NDArray[np.float32], weights: NDArray[np.intp], count: int
) -> NDArray[np.intp]:
    """`count` rows: the one nearest the mean, then each time the one farthest from the seeds."""
    squares = np.einsum("ij,ij->i", rows, rows)
    mean = (weights @ rows / weights.sum()).astype(np.float32)
    seeds = np.empty(count, np.intp)
    seeds[0] = np.argmin(squares - 2 * (rows @ mean))
    nearest = np.full(len(rows), np.inf, np.float32)
    for index in range(1, count):
        last = seeds[index - 1]
        np.minimum(nearest, squares + squares[last] - 2 * (rows @ rows[last]), out=nearest)
        seeds[index] = np.argmax(nearest)
    return seeds


def nearest_centroids(
    rows: NDArray[np.float32], centroids: NDArray[np.float32]
) -> NDArray[np.intp]:
    """The nearest centroid of each row by Euclidean distance, `(rows,)`."""
    half_squares = np.einsum("ij,ij->i", centroids, centroids) / 2
    nearest = np.empty(len(rows), np.intp)
    for block in blocks(len(rows)):
        np.argmax(rows[block] @ centroids.T - half_squares, axis=1, out=nearest[block])
    return nearest


def _means(
    rows: NDArray[np.float32], weights: NDArray[np.intp], cluster_of: NDArray[np.intp]
) -> NDArray[np.float32]:
    """The weighted mean of each cluster that has rows, in the order of their numbers."""
    order = np.argsort(cluster_of, kind="stable")
    starts = np.flatnonzero(np.diff(cluster_of[order], prepend=-1))
    sorted_weights = weights[order].astype(np.float32)
    sums = np.add.reduceat(rows[order] * sorted_weights[:, None], starts, axis=0)
    return np.asarray(sums / np.add.reduceat(sorted_weights, starts)[:, None], np.float32)


def _radii(
    distances: NDArray[np.float32], weights: NDArray[np.intp], cluster_of: NDArray[np.intp]
) -> NDArray[np.float32]:
    order = np.lexsort((distances, cluster_of))
    ends = np.flatnonzero(np.diff(cluster_of[order], append=len(order)))
    cumulative = np.cumsum(weights[order])  # sums over all earlier clusters and the rows so far
    before = np.append(0, cumulative[ends[:-1]])
    needed = 10 * before + _RADIUS_TENTHS * (cumulative[ends] - before)
    # The cumulative weight is sorted: bisection finds the row at which a cluster has its share.
    farthest = order[np.searchsorted(10 * cumulative, needed)]
    return np.asarray(np.maximum(distances[farthest], RADIUS_MIN), np.float32)
