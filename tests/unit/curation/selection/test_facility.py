"""What is chosen lazily, in blocks, is what plain greedy chooses."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.curation.selection import facility, kernel
from services.curation.selection.facility import Clients, choose
from services.curation.selection.k_center import FIRST_GAIN, choose_farthest
from services.curation.selection.kernel import GroupVectors
from services.curation.selection.targeted import Failures, choose_jointly, choose_neighbours
from tests.unit.curation.selection import plain_greedy
from tests.unit.curation.selection.random_groups import random_failures, random_groups

seeds = st.integers(0, 2**32 - 3)
sizes = st.integers(1, 14)
rows_maxes = st.sampled_from([1, 3])
small = settings(max_examples=40, deadline=None)


def anyone(candidate: int) -> bool:
    """Admits every candidate."""
    return candidate >= 0


@small
@given(seeds, sizes, st.integers(0, 3), rows_maxes)
def test_facility_location_is_greedy(seed: int, size: int, covered: int, rows_max: int) -> None:
    """The picks and their gains are those of the objective computed in full each time."""
    candidates, labelled = (
        random_groups(seed, size, rows_max),
        random_groups(seed + 1, covered, rows_max),
    )
    clients = Clients.sample(candidates.groups, seed)

    chosen = choose(clients, candidates.groups, labelled.groups, 5, anyone)

    objective = partial(plain_greedy.coverage, candidates.rows)
    assert min(5, size) == len({choice.candidate for choice in chosen})
    picks = [choice.candidate for choice in chosen]
    gains = plain_greedy.gains_along(objective, candidates.rows, labelled.rows, picks)
    for choice, (gain, most) in zip(chosen, gains, strict=True):
        assert pytest.approx(choice.gain, abs=1e-5) == gain
        assert pytest.approx(most, abs=1e-5) == gain


@small
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

    answers = choose_jointly(failed, clients, candidates.groups, labelled.groups, 5, anyone)

    objective = partial(plain_greedy.joint, failed_rows.rows, failed.weights, candidates.rows)
    assert min(5, size) == len({answer.candidate for answer in answers})
    picks = [answer.candidate for answer in answers]
    gains = plain_greedy.gains_along(objective, candidates.rows, labelled.rows, picks)
    for answer, (gain, most) in zip(answers, gains, strict=True):
        assert pytest.approx(answer.gain, abs=1e-5) == gain
        assert pytest.approx(most, abs=1e-5) == gain


@pytest.mark.parametrize(("cells", "refreshed"), [(1, 1), (40, 3), (1 << 20, 500)])
def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch, cells: int, refreshed: int) -> None:
    """The choice does not depend on how many similarities are computed at a time."""
    candidates, labelled = random_groups(5, 150, 2).groups, random_groups(6, 9, 2).groups
    clients = Clients.sample(candidates, 0)
    expected = choose(clients, candidates, labelled, 40, anyone)

    monkeypatch.setattr(kernel, "CELLS_PER_BLOCK", cells)
    monkeypatch.setattr(facility, "_REFRESHED_AT_ONCE", refreshed)
    chosen = choose(clients, candidates, labelled, 40, anyone)

    assert [c.candidate for c in expected] == [c.candidate for c in chosen]


def test_a_sample_of_clients_stands_for_the_pool() -> None:
    """With a quarter of the pool as clients, what is chosen covers nearly as much of it."""
    whole = random_groups(8, 400)
    none = whole.groups.take([])
    value = {}
    for clients_max in (100, 400):
        clients = Clients.sample(whole.groups, 0, clients_max)
        assert clients_max == len(clients.groups)
        chosen = choose(clients, whole.groups, none, 10, anyone)
        picked = whole.groups.take([choice.candidate for choice in chosen])
        value[clients_max] = kernel.best_kernel(whole.groups, picked).mean()

    assert value[100] >= 0.98 * value[400]


@small
@given(seeds, sizes, st.integers(0, 3), rows_maxes)
def test_k_center_takes_the_farthest(seed: int, size: int, covered: int, rows_max: int) -> None:
    """Each gain is the largest distance to what is covered and chosen before."""
    candidates, labelled = (
        random_groups(seed, size, rows_max),
        random_groups(seed + 1, covered, rows_max),
    )

    chosen = choose_farthest(candidates.groups, labelled.groups, size, anyone)

    near = labelled.rows
    for choice in chosen:
        distances = [
            min((1 - (rows @ other.T).max() for other in near), default=FIRST_GAIN)
            for rows in candidates.rows
        ]
        assert pytest.approx(choice.gain, abs=1e-5) == distances[choice.candidate]
        assert pytest.approx(choice.gain, abs=1e-5) == max(distances)
        near = [*near, candidates.rows[choice.candidate]]
    assert list(range(size)) == sorted(choice.candidate for choice in chosen)


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
        anyone,
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
        Failures.equal(failing), clients, candidates, candidates.take([]), 2, anyone
    )

    assert {0: 0, 1: 1} == {answer.candidate: answer.failure for answer in answers}


@small
@given(seeds, st.integers(1, 30), st.integers(1, 5), rows_maxes)
def test_neighbours_come_round_robin(seed: int, size: int, failing: int, rows_max: int) -> None:
    """Every failure's nearest comes before any failure's second, the weightiest's first."""
    candidates, failed = (
        random_groups(seed, size, rows_max),
        random_failures(seed + 1, failing, rows_max),
    )
    rows = random_groups(seed + 1, failing, rows_max).rows

    answers = choose_neighbours(failed, candidates.groups, size, anyone, per_failure=4)

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
