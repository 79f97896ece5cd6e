"""Bounds on what a model can give: never below the true sum, whatever the frame."""

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


def unit(rows: Rows) -> NDArray[np.float32]:
    """Rows of length 1."""
    scaled: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype("f4")
    return scaled


def clustered(seed: int, count: int, dimension: int, spread: float) -> NDArray[np.float32]:
    """Rows of length 1 around one direction, or all over the place; some stand twice."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=dimension) + spread * rng.normal(size=(count, dimension))
    rows[3::4] = rows[2::4][: len(rows[3::4])]
    return unit(rows)


def weights_of(seed: int, count: int) -> Rows:
    """Weights of very unequal size, some negative, some 0."""
    rng = np.random.default_rng([seed, 1])
    weights = rng.normal(size=count) * 10.0 ** rng.integers(-6, 2, count)
    weights[rng.random(count) < 0.1] = 0
    return np.asarray(weights)


def frames_for(seed: int, elements: NDArray[np.float32], clusters: NDArray[np.intp]) -> Rows:
    """Frames that a bound has the hardest time with, besides random ones and shorter ones.

    Elements and their opposites, means, what leads from a mean to an element, main directions.
    """
    exact = elements.astype(np.float64)
    means = np.array([exact[clusters == c].mean(axis=0) for c in np.unique(clusters)])
    apart = exact - means[np.unique(clusters, return_inverse=True)[1]]
    directions = np.linalg.svd(apart)[2]
    drawn = np.random.default_rng([seed, 2]).normal(size=(9, exact.shape[1]))
    found = np.concatenate([exact, means, apart, directions, drawn])
    found = found[np.linalg.norm(found, axis=1) > 1e-9]
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return np.concatenate([found, -found, 0.5 * found, np.zeros((1, exact.shape[1]))])


def sums(frames: Rows, rows: NDArray[np.float32], weights: Rows) -> Rows:
    """The weighted sums of similarities."""
    similar: Rows = np.exp(4 * (frames @ rows.astype(np.float64).T - 1))
    return similar @ weights


@given(seeds, st.integers(1, 40), st.integers(1, 9), st.integers(1, 6), spreads)
def test_no_frame_is_given_more(
    seed: int, count: int, dimension: int, clusters: int, spread: float
) -> None:
    """Tight clusters and loose ones, of one element or many, with weights of any sign."""
    elements = clustered(seed, count, dimension, spread)
    weights = weights_of(seed, count)
    numbers = np.random.default_rng([seed, 3]).integers(0, clusters, count)
    cluster_of = np.unique(numbers, return_inverse=True)[1]
    bounds = bound(elements, weights, cluster_of)
    frames = frames_for(seed, elements, cluster_of)
    most = sums(frames, bounds.centres, bounds.weights.astype(np.float64))
    assert (sums(frames, elements, weights) <= most).all()
    expected = [two_point_bound(elements.astype(float), weights, cluster_of, f) for f in frames]
    np.testing.assert_allclose(most, expected, rtol=1e-4, atol=1e-9)


@given(
    arrays(np.float64, st.tuples(st.integers(1, 8), st.just(2)), elements=st.integers(-2, 2)),
    st.floats(0, 2 * np.pi),
    st.lists(st.sampled_from([-1.0, 0.0, 1e-9, 0.5, 1.0, 30.0]), min_size=8, max_size=8),
)
def test_no_frame_is_given_more_in_the_plane(
    grid: Rows, angle: float, weights: list[float]
) -> None:
    """Few elements on a coarse grid, opposite ones and equal ones, met from every direction."""
    grid[~grid.any(axis=1)] = 1
    elements, given_weights = unit(grid), np.array(weights[: len(grid)])
    bounds = bound(elements, given_weights, np.zeros(len(grid), np.intp))
    frame = np.array([[np.cos(angle), np.sin(angle)]])
    most = sums(frame, bounds.centres, bounds.weights.astype(np.float64))
    assert sums(frame, elements, given_weights)[0] <= most[0]


@pytest.mark.parametrize("copies", [1, 2, 7])
def test_equal_elements_are_bounded_by_themselves(copies: int) -> None:
    """A cluster without extent has no slack but for rounding: its bound is its sum."""
    elements = clustered(1, 1, 5, 1.0).repeat(copies, axis=0)
    bounds = bound(elements, np.full(copies, 2.0), np.zeros(copies, np.intp))
    np.testing.assert_allclose(bounds.centres, elements[:1], rtol=0, atol=1e-7)
    np.testing.assert_allclose(bounds.weights, [2.0 * copies], rtol=2e-5)


def test_two_opposite_elements_reach_their_bound() -> None:
    """Of two elements alike in weight the worst frame points to one: no bound could be lower."""
    elements = np.array([[1, 0], [-1, 0]], np.float32)
    bounds = bound(elements, np.ones(2), np.zeros(2, np.intp))
    most = sums(np.array([[1.0, 0.0]]), bounds.centres, bounds.weights.astype(np.float64))
    assert 1 + np.exp(-8) == pytest.approx(most[0], rel=2e-5)


def test_negative_weights_alone_give_nothing() -> None:
    """What only takes away is bounded by 0, and numbers of clusters stay what they are."""
    elements = clustered(2, 6, 4, 0.5)
    weights = np.array([-1.0, -2.0, 0.0, 1.0, 1.0, -3.0])
    bounds = bound(elements, weights, np.array([0, 0, 0, 1, 1, 1]))
    assert 0 == bounds.weights[0] < bounds.weights[1]
    assert (2, 4) == bounds.centres.shape


def test_bounds_come_in_the_order_of_clusters() -> None:
    """Each cluster's bound is that of its elements alone, wherever these stand."""
    elements, weights = clustered(3, 12, 4, 1.0), np.abs(weights_of(3, 12))
    cluster_of = np.arange(12) % 3
    bounds = bound(elements, weights, cluster_of)
    for number in range(3):
        of_cluster = cluster_of == number
        alone = bound(elements[of_cluster], weights[of_cluster], np.zeros(4, np.intp))
        np.testing.assert_array_equal(alone.centres[0], bounds.centres[number])
        np.testing.assert_array_equal(alone.weights[0], bounds.weights[number])
