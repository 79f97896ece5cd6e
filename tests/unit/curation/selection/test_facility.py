"""Facility location: lazily and in blocks, the choice is that of plain greedy."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.curation.selection import facility, kernel
from services.curation.selection.facility import Clients, choose
from tests.unit.curation.selection import plain_greedy
from tests.unit.curation.selection.random_groups import (
    admit_all,
    few_examples,
    random_groups,
    rows_maxes,
    seeds,
    sizes,
)


@few_examples
@given(seeds, sizes, st.integers(0, 3), rows_maxes)
def test_facility_location_is_greedy(seed: int, size: int, covered: int, rows_max: int) -> None:
    """The picks and their gains are those of the objective computed in full each time."""
    candidates, labelled = (
        random_groups(seed, size, rows_max),
        random_groups(seed + 1, covered, rows_max),
    )
    clients = Clients.sample(candidates.groups, seed)

    chosen = choose(clients, candidates.groups, labelled.groups, 5, admit_all)

    objective = partial(plain_greedy.coverage, candidates.rows)
    assert min(5, size) == len({choice.candidate for choice in chosen})
    picks = [choice.candidate for choice in chosen]
    gains = plain_greedy.gains_along(objective, candidates.rows, labelled.rows, picks)
    for choice, (gain, most) in zip(chosen, gains, strict=True):
        assert pytest.approx(choice.gain, abs=1e-5) == gain
        assert pytest.approx(most, abs=1e-5) == gain


@pytest.mark.parametrize(("cells", "refreshed"), [(1, 1), (40, 3), (1 << 20, 500)])
def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch, cells: int, refreshed: int) -> None:
    """The choice does not depend on how many similarities are computed at a time."""
    candidates, labelled = random_groups(5, 150, 2).groups, random_groups(6, 9, 2).groups
    clients = Clients.sample(candidates, 0)
    expected = choose(clients, candidates, labelled, 40, admit_all)

    monkeypatch.setattr(kernel, "CELLS_PER_BLOCK", cells)
    monkeypatch.setattr(facility, "_REFRESHED_AT_ONCE", refreshed)
    chosen = choose(clients, candidates, labelled, 40, admit_all)

    assert [c.candidate for c in expected] == [c.candidate for c in chosen]


def test_a_sample_of_clients_stands_for_the_pool() -> None:
    """With a quarter of the pool as clients, what is chosen covers nearly as much of it."""
    whole = random_groups(8, 400)
    none = whole.groups.take([])
    value = {}
    for clients_max in (100, 400):
        clients = Clients.sample(whole.groups, 0, clients_max)
        assert clients_max == len(clients.groups)
        chosen = choose(clients, whole.groups, none, 10, admit_all)
        picked = whole.groups.take([choice.candidate for choice in chosen])
        value[clients_max] = kernel.best_kernel(whole.groups, picked).mean()

    assert value[100] >= 0.98 * value[400]
