"""Clusters of an issue's elements: weighted Lloyd, deterministic, without empty clusters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from sluice.scoring import clusters
from sluice.scoring.clusters import RADIUS_MIN, cluster, nearest_centroids

# On a coarse grid many distances are equal, so that Lloyd can empty a cluster.
grids = arrays(np.float32, st.tuples(st.integers(1, 60), st.just(2)), elements=st.integers(0, 9))


def count_unique(rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The unique rows and their counts, the arguments of `cluster`."""
    unique, counts = np.unique(rows, axis=0, return_counts=True)
    return unique, counts


@given(grids)
def test_every_row_has_a_cluster_and_every_cluster_rows(rows: NDArray[np.float32]) -> None:
    """Every row has a cluster; clusters number at most √(n / 2), without gaps in the numbers."""
    unique, counts = count_unique(rows)
    clustering = cluster(unique, counts)
    clusters_max = max(1, round((len(unique) / 2) ** 0.5))
    assert len(unique) == len(clustering.cluster_of)
    assert list(range(len(clustering.radii))) == np.unique(clustering.cluster_of).tolist()
    assert 1 <= len(clustering.centroids) == len(clustering.radii) <= clusters_max


@given(grids)
def test_centroids_and_radii_are_those_of_their_rows(rows: NDArray[np.float32]) -> None:
    """A centroid is the weighted mean of its rows; the radius is the least that holds 90 %."""
    unique, counts = count_unique(rows)
    clustering = cluster(unique, counts)
    for number, (centroid, radius) in enumerate(
        zip(clustering.centroids, clustering.radii, strict=True)
    ):
        repeated = unique[clustering.cluster_of == number].repeat(
            counts[clustering.cluster_of == number], axis=0
        )
        np.testing.assert_allclose(centroid, repeated.mean(axis=0), rtol=1e-5, atol=1e-5)
        distances = np.sort(np.linalg.norm(repeated - centroid, axis=1))
        nine_tenths = -(-9 * len(distances) // 10)
        expected = max(distances[nine_tenths - 1], RADIUS_MIN)
        assert expected == pytest.approx(float(radius), rel=1e-5)


@given(grids)
def test_clustering_is_deterministic(rows: NDArray[np.float32]) -> None:
    """The same rows give the same clusters, bit for bit."""
    first, second = cluster(*count_unique(rows)), cluster(*count_unique(rows))
    assert first.cluster_of.tobytes() == second.cluster_of.tobytes()
    assert first.centroids.tobytes() == second.centroids.tobytes()
    assert first.radii.tobytes() == second.radii.tobytes()


def test_groups_that_lie_apart_are_found() -> None:
    """Four groups of eight rows, far from each other, become four clusters."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(4), 8)
    corners = np.array([[0, 0], [0, 9], [9, 0], [9, 9]])
    rows = (corners[groups] + rng.normal(scale=0.1, size=(32, 2))).astype(np.float32)
    clustering = cluster(rows, np.ones(32, np.intp))
    pairs = set(zip(groups.tolist(), clustering.cluster_of.tolist(), strict=True))
    assert 4 == len(pairs) == len(clustering.centroids)


def test_an_element_counts_as_often_as_it_occurs() -> None:
    """Each row counts towards its centroid as often as it occurs."""
    rows = np.array([[0, 0], [1, 0]], np.float32)
    np.testing.assert_allclose([[0.9, 0]], cluster(rows, np.array([1, 9])).centroids, rtol=1e-6)


def test_a_lone_element_is_a_cluster_with_a_radius() -> None:
    """A single row is its own centroid, with the minimum radius."""
    clustering = cluster(np.ones((1, 3), np.float32), np.array([7]))
    assert [[1, 1, 1]] == clustering.centroids.tolist()
    assert [np.float32(RADIUS_MIN)] == clustering.radii.tolist()


def test_clusters_that_lose_their_rows_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty clusters are dropped, also when Lloyd stops early on nearly equal rows."""
    monkeypatch.setattr(clusters, "_ITERATIONS_MAX", 1)
    dropped_count = 0
    for seed in range(150):
        jitter = np.random.default_rng(seed).normal(scale=1e-4, size=(100, 3))
        clustering = cluster((1 + jitter).astype(np.float32), np.ones(100, np.intp))
        assert list(range(len(clustering.centroids))) == np.unique(clustering.cluster_of).tolist()
        dropped_count += 7 - len(clustering.centroids)
    assert dropped_count > 0  # otherwise no cluster was ever empty


def test_the_number_of_clusters_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of clusters never exceeds the limit."""
    rows = np.random.default_rng(1).normal(size=(200, 3)).astype(np.float32)
    ones = np.ones(200, np.intp)
    assert 10 == len(cluster(rows, ones).centroids)
    monkeypatch.setattr(clusters, "CLUSTERS_MAX", 4)
    assert 4 == len(cluster(rows, ones).centroids)


@given(grids, grids)
def test_the_nearest_centroid_is_the_nearest(
    rows: NDArray[np.float32], centroids: NDArray[np.float32]
) -> None:
    """Each row is assigned the centroid at the least distance."""
    distances = np.linalg.norm(rows[:, None] - centroids, axis=2)
    assigned = distances[np.arange(len(rows)), nearest_centroids(rows, centroids)]
    np.testing.assert_allclose(assigned, distances.min(axis=1), rtol=1e-5)
