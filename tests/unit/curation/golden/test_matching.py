"""Matching the objects of two rounds."""

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


def total_gain(matches: BoxMatches, same_class: NDArray[np.bool_]) -> float:
    """The sum of IoU and bonuses of a match."""
    bonus = SAME_CLASS_BONUS * same_class[matches.reference, matches.current]
    return float((matches.ious + bonus).sum())


def test_iou_of_hand_worked_boxes() -> None:
    """Equal, half over half, touching, and apart."""
    first = as_array([(0, 0, 2, 2)])
    second = as_array([(0, 0, 2, 2), (1, 0, 2, 2), (2, 0, 2, 2), (9, 9, 1, 1)])

    np.testing.assert_allclose([[1, 2 / 6, 0, 0]], iou(first, second))


def test_the_best_match_is_not_the_greedy_one() -> None:
    """Taking the best pair first would leave two objects without a match."""
    ious = np.array([[0.9, 0.6], [0.8, 0.0]])

    matches = match_boxes(ious, np.zeros((2, 2), np.bool_))

    assert [(0, 1), (1, 0)] == list(zip(matches.reference, matches.current, strict=True))
    assert [0.6, 0.8] == matches.ious.tolist()


def test_two_pairs_are_better_than_one_perfect_pair() -> None:
    """An object that can be matched is never missed, whatever its class."""
    ious = np.array([[1.0, 0.5], [0.5, 0.0]])

    matches = match_boxes(ious, np.array([[True, False], [False, False]]))

    assert [(0, 1), (1, 0)] == list(zip(matches.reference, matches.current, strict=True))


def test_the_minimum_iou_matches() -> None:
    """An IoU of exactly the minimum matches, one below it does not."""
    same = np.ones((1, 1), np.bool_)

    assert 1 == len(match_boxes(np.array([[0.5]]), same).ious)
    assert 0 == len(match_boxes(np.array([[0.4999]]), same).ious)


def test_objects_at_one_place_are_told_apart_by_class() -> None:
    """A rider and a bicycle are not confused for a small difference of their boxes."""
    ious = np.array([[0.90, 0.95], [0.95, 0.90]])

    matches = match_boxes(ious, np.eye(2, dtype=np.bool_))

    assert [(0, 0), (1, 1)] == list(zip(matches.reference, matches.current, strict=True))


@given(boxes, boxes)
def test_matching_is_best_and_symmetric(
    first: list[tuple[int, int, int, int]], second: list[tuple[int, int, int, int]]
) -> None:
    """No assignment has more pairs, or as many with a larger sum, in either direction."""
    ious = iou(as_array(first), as_array(second))
    same = np.array([[(i + j) % 2 == 0 for j in range(len(second))] for i in range(len(first))])
    same = same.reshape(ious.shape)
    matches = match_boxes(ious, same)
    turned = match_boxes(ious.T, same.T)

    longer, flags = (ious, same) if len(first) <= len(second) else (ious.T, same.T)
    best = max(
        evaluate(longer, flags, columns)
        for columns in permutations(range(longer.shape[1]), len(longer))
    )
    assert best == pytest.approx((len(matches.ious), total_gain(matches, same)))
    assert best == pytest.approx((len(turned.ious), total_gain(turned, same.T)))


def evaluate(
    ious: NDArray[np.float64], same: NDArray[np.bool_], columns: tuple[int, ...]
) -> tuple[int, float]:
    """The number of pairs of an assignment and their sum, computed naively."""
    pairs = [(row, column) for row, column in enumerate(columns) if ious[row, column] >= 0.5]
    return len(pairs), sum((ious[pair] + SAME_CLASS_BONUS * same[pair] for pair in pairs), 0.0)


@pytest.mark.parametrize("limit", [0, 1.01, float("nan")])
def test_an_iou_out_of_range_is_refused(limit: float) -> None:
    """The minimum IoU must be over 0 and at most 1."""
    with pytest.raises(InvalidArgument, match="iou_min"):
        match_boxes(np.ones((1, 1)), np.ones((1, 1), np.bool_), limit)
