"""Greedy k-center."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.curation.selection.k_center import FIRST_GAIN, choose_farthest
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
def test_k_center_takes_the_farthest(seed: int, size: int, covered: int, rows_max: int) -> None:
    """Each gain is the largest distance to what is covered and chosen before."""
    candidates, labelled = (
        random_groups(seed, size, rows_max),
        random_groups(seed + 1, covered, rows_max),
    )

    chosen = choose_farthest(candidates.groups, labelled.groups, size, admit_all)

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
