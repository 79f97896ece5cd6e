"""Upper bounds on the weighted sums of clusters: never below the true sum, for any frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from sluice.scoring.bounds import bound
from tests.unit.scoring.reference import two_point_bound

Rows = NDArray[np.float64]

seeds = st.integers(0, 2**32 - 1)
spreads = st.sampled_from([0.0, 1e-4, 0.05, 0.3, 1.0, 10.0])


def to_unit(rows: Rows) -> NDArray[np.float32]:
    """The rows scaled to length 1."""
    scaled: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype("f4")
    return scaled


def draw_elements(seed: int, count: int, dimension: int, spread: float) -> NDArray[np.float32]:
    """Rows of length 1 around one direction, or spread widely, with some duplicates."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=dimension) + spread * rng.normal(size=(count, dimension))
    rows[3::4] = rows[2::4][: len(rows[3::4])]
    return to_unit(rows)


def draw_weights(seed: int, count: int) -> Rows:
    """Weights of very different sizes, some negative, some 0."""
    rng = np.random.default_rng([seed, 1])
    weights = rng.normal(size=count) * 10.0 ** rng.integers(-6, 2, count)
    weights[rng.random(count) < 0.1] = 0
    return np.asarray(weights)


def draw_frames(seed: int, elements: NDArray[np.float32], clusters: NDArray[np.intp]) -> Rows:
    """Frames that are hard to bound, random frames, and shorter ones.

    The hard ones: elements, their opposites, cluster means, offsets of elements from their mean,
    and principal directions of these offsets.
    """
    exact = elements.astype(np.float64)
    means = np.array([exact[clusters == c].mean(axis=0) for c in np.unique(clusters)])
    offsets = exact - means[np.unique(clusters, return_inverse=True)[1]]
    directions = np.linalg.svd(offsets)[2]
    random_directions = np.random.default_rng([seed, 2]).normal(size=(9, exact.shape[1]))
    frames = np.concatenate([exact, means, offsets, directions, random_directions])
    frames = frames[np.linalg.norm(frames, axis=1) > 1e-9]
    frames /= np.linalg.norm(frames, axis=1, keepdims=True)
    return np.concatenate([frames, -frames, 0.5 * frames, np.zeros((1, exact.shape[1]))])


def weighted_sums(frames: Rows, rows: NDArray[np.float32], weights: Rows) -> Rows:
    """Each frame's weighted sum of similarities to the rows."""
    similarities: Rows = np.exp(4 * (frames @ rows.astype(np.float64).T - 1))
    return similarities @ weights


@given(seeds, st.integers(1, 40), st.integers(1, 9), st.integers(1, 6), spreads)
def test_no_frame_is_given_more(
    seed: int, count: int, dimension: int, clusters_max: int, spread: float
) -> None:
    """A bound is at least the true sum, for clusters and weights of all kinds."""
    elements = draw_elements(seed, count, dimension, spread)
    weights = draw_weights(seed, count)
    drawn_clusters = np.random.default_rng([seed, 3]).integers(0, clusters_max, count)
    cluster_of = np.unique(drawn_clusters, return_inverse=True)[1]
    bounds = bound(elements, weights, cluster_of)
    frames = draw_frames(seed, elements, cluster_of)
    upper_bounds = weighted_sums(frames, bounds.centres, bounds.weights.astype(np.float64))
    assert (weighted_sums(frames, elements, weights) <= upper_bounds).all()
    expected = [
        two_point_bound(elements.astype(float), weights, cluster_of, frame) for frame in frames
    ]
    np.testing.assert_allclose(upper_bounds, expected, rtol=1e-4, atol=1e-9)


@given(
    arrays(np.float64, st.tuples(st.integers(1, 8), st.just(2)), elements=st.integers(-2, 2)),
    st.floats(0, 2 * np.pi),
    st.lists(st.sampled_from([-1.0, 0.0, 1e-9, 0.5, 1.0, 30.0]), min_size=8, max_size=8),
)
def test_no_frame_is_given_more_in_the_plane(
    grid: Rows, angle: float, weights: list[float]
) -> None:
    """A bound holds for opposite and equal elements on a coarse grid, from every direction."""
    grid[~grid.any(axis=1)] = 1
    elements, element_weights = to_unit(grid), np.array(weights[: len(grid)])
    bounds = bound(elements, element_weights, np.zeros(len(grid), np.intp))
    frame = np.array([[np.cos(angle), np.sin(angle)]])
    upper_bounds = weighted_sums(frame, bounds.centres, bounds.weights.astype(np.float64))
    assert weighted_sums(frame, elements, element_weights)[0] <= upper_bounds[0]


@pytest.mark.parametrize("copies", [1, 2, 7])
def test_equal_elements_are_bounded_by_themselves(copies: int) -> None:
    """The bound of a cluster of equal elements is its sum, up to rounding."""
    elements = draw_elements(1, 1, 5, 1.0).repeat(copies, axis=0)
    bounds = bound(elements, np.full(copies, 2.0), np.zeros(copies, np.intp))
    np.testing.assert_allclose(bounds.centres, elements[:1], rtol=0, atol=1e-7)
    np.testing.assert_allclose(bounds.weights, [2.0 * copies], rtol=2e-5)


def test_two_opposite_elements_reach_their_bound() -> None:
    """The bound of two opposite elements is tight: a frame equal to one of them reaches it."""
    elements = np.array([[1, 0], [-1, 0]], np.float32)
    bounds = bound(elements, np.ones(2), np.zeros(2, np.intp))
    upper_bounds = weighted_sums(
        np.array([[1.0, 0.0]]), bounds.centres, bounds.weights.astype(np.float64)
    )
    assert 1 + np.exp(-8) == pytest.approx(upper_bounds[0], rel=2e-5)


def test_negative_weights_alone_give_nothing() -> None:
    """A cluster with only negative weights has the bound 0 and keeps its number."""
    elements = draw_elements(2, 6, 4, 0.5)
    weights = np.array([-1.0, -2.0, 0.0, 1.0, 1.0, -3.0])
    bounds = bound(elements, weights, np.array([0, 0, 0, 1, 1, 1]))
    assert 0 == bounds.weights[0] < bounds.weights[1]
    assert (2, 4) == bounds.centres.shape


def test_bounds_come_in_the_order_of_clusters() -> None:
    """Bounds are ordered by cluster number, and each depends on its own elements only."""
    elements, weights = draw_elements(3, 12, 4, 1.0), np.abs(draw_weights(3, 12))
    cluster_of = np.arange(12) % 3
    bounds = bound(elements, weights, cluster_of)
    for number in range(3):
        in_cluster = cluster_of == number
        single = bound(elements[in_cluster], weights[in_cluster], np.zeros(4, np.intp))
        np.testing.assert_array_equal(single.centres[0], bounds.centres[number])
        np.testing.assert_array_equal(single.weights[0], bounds.weights[number])
