"""The clusters that explain scores: weighted Lloyd, deterministic, never empty."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from sluice.scoring import clusters
from sluice.scoring.clusters import RADIUS_MIN, cluster, nearest_centroids

# On a coarse grid many rows are at equal distances, which is where Lloyd loses clusters.
grids = arrays(np.float32, st.tuples(st.integers(1, 60), st.just(2)), elements=st.integers(0, 9))


def weighted(rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The unique rows with their counts, as `cluster` takes them."""
    unique, counts = np.unique(rows, axis=0, return_counts=True)
    return unique, counts


@given(grids)
def test_every_row_has_a_cluster_and_every_cluster_rows(rows: NDArray[np.float32]) -> None:
    """Clusters divide all rows, about √(n / 2) of them, and are numbered without a gap."""
    unique, counts = weighted(rows)
    found = cluster(unique, counts)
    wanted = max(1, round((len(unique) / 2) ** 0.5))
    assert len(unique) == len(found.cluster_of)
    assert list(range(len(found.radii))) == np.unique(found.cluster_of).tolist()
    assert 1 <= len(found.centroids) == len(found.radii) <= wanted


@given(grids)
def test_centroids_and_radii_are_those_of_their_rows(rows: NDArray[np.float32]) -> None:
    """A centroid is its rows' weighted mean; the radius is the least that holds 9 of 10."""
    unique, counts = weighted(rows)
    found = cluster(unique, counts)
    for number, (centroid, radius) in enumerate(zip(found.centroids, found.radii, strict=True)):
        repeated = unique[found.cluster_of == number].repeat(
            counts[found.cluster_of == number], axis=0
        )
        np.testing.assert_allclose(centroid, repeated.mean(axis=0), rtol=1e-5, atol=1e-5)
        distances = np.sort(np.linalg.norm(repeated - centroid, axis=1))
        nine_tenths = -(-9 * len(distances) // 10)
        expected = max(distances[nine_tenths - 1], RADIUS_MIN)
        assert expected == pytest.approx(float(radius), rel=1e-5)


@given(grids)
def test_clustering_is_deterministic(rows: NDArray[np.float32]) -> None:
    """The same rows fall into the same clusters, bit for bit."""
    first, second = cluster(*weighted(rows)), cluster(*weighted(rows))
    assert first.cluster_of.tobytes() == second.cluster_of.tobytes()
    assert first.centroids.tobytes() == second.centroids.tobytes()
    assert first.radii.tobytes() == second.radii.tobytes()


def test_groups_that_lie_apart_are_found() -> None:
    """Four groups of eight, far from each other, are four clusters."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(4), 8)
    corners = np.array([[0, 0], [0, 9], [9, 0], [9, 9]])
    rows = (corners[groups] + rng.normal(scale=0.1, size=(32, 2))).astype(np.float32)
    found = cluster(rows, np.ones(32, np.intp))
    pairs = set(zip(groups.tolist(), found.cluster_of.tolist(), strict=True))
    assert 4 == len(pairs) == len(found.centroids)


def test_an_element_counts_as_often_as_it_occurs() -> None:
    """A centroid is drawn to the row that stands for many elements."""
    rows = np.array([[0, 0], [1, 0]], np.float32)
    np.testing.assert_allclose([[0.9, 0]], cluster(rows, np.array([1, 9])).centroids, rtol=1e-6)


def test_a_lone_element_is_a_cluster_with_a_radius() -> None:
    """One row is its own centroid, and its radius is not 0."""
    found = cluster(np.ones((1, 3), np.float32), np.array([7]))
    assert [[1, 1, 1]] == found.centroids.tolist()
    assert [np.float32(RADIUS_MIN)] == found.radii.tolist()


def test_clusters_that_lose_their_rows_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that rounding hardly tells apart leave no empty cluster, even if Lloyd stops early."""
    monkeypatch.setattr(clusters, "_ITERATIONS_MAX", 1)
    lost = 0
    for seed in range(150):
        jitter = np.random.default_rng(seed).normal(scale=1e-4, size=(100, 3))
        found = cluster((1 + jitter).astype(np.float32), np.ones(100, np.intp))
        assert list(range(len(found.centroids))) == np.unique(found.cluster_of).tolist()
        lost += 7 - len(found.centroids)
    assert lost > 0  # or it was never tried


def test_the_number_of_clusters_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many elements there are, there are no more clusters than the limit."""
    rows = np.random.default_rng(1).normal(size=(200, 3)).astype(np.float32)
    ones = np.ones(200, np.intp)
    assert 10 == len(cluster(rows, ones).centroids)
    monkeypatch.setattr(clusters, "CLUSTERS_MAX", 4)
    assert 4 == len(cluster(rows, ones).centroids)


@given(grids, grids)
def test_the_nearest_centroid_is_the_nearest(
    rows: NDArray[np.float32], centroids: NDArray[np.float32]
) -> None:
    """No centroid is nearer than the one that is named."""
    distances = np.linalg.norm(rows[:, None] - centroids, axis=2)
    named = distances[np.arange(len(rows)), nearest_centroids(rows, centroids)]
    np.testing.assert_allclose(named, distances.min(axis=1), rtol=1e-5)
