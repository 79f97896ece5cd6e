"""Groups that are chosen for failures."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.curation.selection.facility import Clients
from services.curation.selection.kernel import GroupVectors
from services.curation.selection.targeted import Failures, choose_jointly, choose_neighbours
from sluice.errors import InvalidArgument
from tests.unit.curation.selection import plain_greedy
from tests.unit.curation.selection.random_groups import (
    admit_all,
    few_examples,
    random_failures,
    random_groups,
    rows_maxes,
    seeds,
    sizes,
)


@pytest.mark.parametrize("weight", [0, -1, np.nan])
def test_failures_weigh_something(weight: float) -> None:
    """A failure's weight is more than 0."""
    with pytest.raises(InvalidArgument, match="failure 1"):
        Failures(random_groups(0, 2).groups, np.array([1, weight], np.float32))


@few_examples
@given(seeds, sizes, st.integers(1, 4), st.integers(0, 3), rows_maxes)
def test_the_joint_objective_is_greedy(
    seed: int, size: int, failing: int, covered: int, rows_max: int
) -> None:
    """So it is with failures of different weights."""
    candidates, labelled = (
        random_groups(seed, size, rows_max),
        random_groups(seed + 1, covered, rows_max),
    )
    failed, failed_rows = (
        random_failures(seed + 2, failing, rows_max),
        random_groups(seed + 2, failing, rows_max),
    )
    clients = Clients.sample(candidates.groups, seed)

    answers = choose_jointly(failed, clients, candidates.groups, labelled.groups, 5, admit_all)

    objective = partial(plain_greedy.joint, failed_rows.rows, failed.weights, candidates.rows)
    assert min(5, size) == len({answer.candidate for answer in answers})
    picks = [answer.candidate for answer in answers]
    gains = plain_greedy.gains_along(objective, candidates.rows, labelled.rows, picks)
    for answer, (gain, most) in zip(answers, gains, strict=True):
        assert pytest.approx(answer.gain, abs=1e-5) == gain
        assert pytest.approx(most, abs=1e-5) == gain


def test_a_failure_that_is_answered_attracts_no_more() -> None:
    """The second pick answers to the other failure, though the first has more neighbours."""
    failing = np.eye(2, 6, dtype=np.float32)
    towards = np.array([[9, 0, 1, 0, 0, 0], [9, 0, 0, 1, 0, 0], [0, 9, 0, 0, 2, 0]], np.float32)
    candidates = GroupVectors.of_single_rows(
        towards / np.linalg.norm(towards, axis=1, keepdims=True)
    )
    answers = choose_jointly(
        Failures.equal(GroupVectors.of_single_rows(failing)),
        Clients.sample(candidates, 0),
        candidates,
        candidates.take([]),
        2,
        admit_all,
    )

    assert [(0, 0), (2, 1)] == [(answer.candidate, answer.failure) for answer in answers]


def test_a_pick_answers_to_the_failure_that_it_serves_anew() -> None:
    """Though more like the first failure, it is for the second: the first has been answered."""
    failing, candidates = (
        GroupVectors.of_single_rows(np.array(rows, np.float32))
        for rows in ([[1, 0], [0, 1]], [[1, 0], [0.8, 0.6]])
    )
    clients = Clients.sample(candidates, 0)

    answers = choose_jointly(
        Failures.equal(failing), clients, candidates, candidates.take([]), 2, admit_all
    )

    assert {0: 0, 1: 1} == {answer.candidate: answer.failure for answer in answers}


@few_examples
@given(seeds, st.integers(1, 30), st.integers(1, 5), rows_maxes)
def test_neighbours_come_round_robin(seed: int, size: int, failing: int, rows_max: int) -> None:
    """Every failure's nearest comes before any failure's second, the weightiest's first."""
    candidates, failed = (
        random_groups(seed, size, rows_max),
        random_failures(seed + 1, failing, rows_max),
    )
    rows = random_groups(seed + 1, failing, rows_max).rows

    answers = choose_neighbours(failed, candidates.groups, size, admit_all, per_failure=4)

    expected: dict[int, int] = {}
    by_weight = sorted(range(failing), key=lambda failure: -failed.weights[failure])
    order = [
        np.argsort([-(rows[failure] @ other.T).max() for other in candidates.rows], kind="stable")
        for failure in range(failing)
    ]
    for rank in range(min(4, size)):
        for failure in by_weight:
            expected.setdefault(int(order[failure][rank]), failure)
    assert list(expected.items()) == [(answer.candidate, answer.failure) for answer in answers]
