"""Which object is which."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.curation.golden.matching import SAME_CLASS_BONUS, BoxMatches, iou, match_boxes
from sluice.errors import InvalidArgument

sides = st.integers(1, 4)
# Few places, so that many overlap and many are equal.
boxes = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), sides, sides), max_size=5)


def as_array(rows: list[tuple[int, int, int, int]]) -> NDArray[np.float64]:
    """Boxes `(n, 4)`."""
    return np.array(rows, np.float64).reshape(-1, 4)


def gain(found: BoxMatches, same_class: NDArray[np.bool_]) -> float:
    """What a match is worth beyond the number of its pairs."""
    bonus = SAME_CLASS_BONUS * same_class[found.reference, found.current]
    return float((found.ious + bonus).sum())


def test_iou_of_hand_worked_boxes() -> None:
    """Equal, half over half, touching, and apart."""
    first = as_array([(0, 0, 2, 2)])
    second = as_array([(0, 0, 2, 2), (1, 0, 2, 2), (2, 0, 2, 2), (9, 9, 1, 1)])

    np.testing.assert_allclose([[1, 2 / 6, 0, 0]], iou(first, second))


def test_the_best_match_is_not_the_greedy_one() -> None:
    """Taking the best pair first would leave two objects alone."""
    ious = np.array([[0.9, 0.6], [0.8, 0.0]])

    found = match_boxes(ious, np.zeros((2, 2), np.bool_))

    assert [(0, 1), (1, 0)] == list(zip(found.reference, found.current, strict=True))
    assert [0.6, 0.8] == found.ious.tolist()


def test_two_pairs_are_better_than_one_perfect_pair() -> None:
    """No object is called missed that could have been matched, whatever its class."""
    ious = np.array([[1.0, 0.5], [0.5, 0.0]])

    found = match_boxes(ious, np.array([[True, False], [False, False]]))

    assert [(0, 1), (1, 0)] == list(zip(found.reference, found.current, strict=True))


def test_half_an_overlap_is_enough_and_less_is_not() -> None:
    """The limit itself matches."""
    same = np.ones((1, 1), np.bool_)

    assert 1 == len(match_boxes(np.array([[0.5]]), same).ious)
    assert 0 == len(match_boxes(np.array([[0.4999]]), same).ious)


def test_objects_at_one_place_are_told_apart_by_class() -> None:
    """A rider and a bicycle are not confused for a hair's difference of their boxes."""
    ious = np.array([[0.90, 0.95], [0.95, 0.90]])

    found = match_boxes(ious, np.eye(2, dtype=np.bool_))

    assert [(0, 0), (1, 1)] == list(zip(found.reference, found.current, strict=True))


@given(boxes, boxes)
def test_matching_is_best_and_symmetric(
    first: list[tuple[int, int, int, int]], second: list[tuple[int, int, int, int]]
) -> None:
    """No other assignment has more pairs, or as many with a larger sum; nor has the other way."""
    ious = iou(as_array(first), as_array(second))
    same = np.array([[(i + j) % 2 == 0 for j in range(len(second))] for i in range(len(first))])
    same = same.reshape(ious.shape)
    found = match_boxes(ious, same)
    turned = match_boxes(ious.T, same.T)

    longer, flags = (ious, same) if len(first) <= len(second) else (ious.T, same.T)
    best = max(
        worth(longer, flags, columns)
        for columns in permutations(range(longer.shape[1]), len(longer))
    )
    assert best == pytest.approx((len(found.ious), gain(found, same)))
    assert best == pytest.approx((len(turned.ious), gain(turned, same.T)))


def worth(
    ious: NDArray[np.float64], same: NDArray[np.bool_], columns: tuple[int, ...]
) -> tuple[int, float]:
    """How many pairs an assignment has, and what they gain, tried the slow way."""
    pairs = [(row, column) for row, column in enumerate(columns) if ious[row, column] >= 0.5]
    return len(pairs), sum((ious[pair] + SAME_CLASS_BONUS * same[pair] for pair in pairs), 0.0)


@pytest.mark.parametrize("limit", [0, 1.01, float("nan")])
def test_a_limit_that_is_no_overlap_is_refused(limit: float) -> None:
    """Nothing overlaps by nothing, or by more than itself."""
    with pytest.raises(InvalidArgument, match="iou_min"):
        match_boxes(np.ones((1, 1)), np.ones((1, 1), np.bool_), limit)
