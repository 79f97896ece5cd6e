"""Near duplicates and scenes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.curation.selection.plan import plan_batch
from services.curation.selection.pool import (
    Pool,
    SelectionSettings,
)
from services.curation.selection.targeted import Failures
from sluice.limits import NEAR_DUPLICATE_COSINE_MIN
from tests.unit.curation.selection.random_groups import (
    like,
    plain_pool,
    pools,
    random_failures,
    seeds,
    selection_settings,
    some_examples,
)


@some_examples
@given(pools, st.builds(random_failures, seeds, st.integers(1, 6)), selection_settings)
def test_near_duplicates_are_the_last_resort(
    pool: Pool, failed: Failures, settings: SelectionSettings
) -> None:
    """Unless a note says so, no two picks are alike or of one scene, nor like what is labelled."""
    batch = plan_batch(pool, failed, settings)
    said = " ".join(batch.notes)
    picks = [pick.group for pick in batch.picks]
    if "near duplicates" in said or not picks:
        return

    assert pool.vectors is not None
    assert pool.scenes is not None
    rows = [pool.vectors[pool.group_of == group] for group in range(pool.size)]
    before = np.flatnonzero(pool.not_repeated).tolist()
    for group in picks:
        assert all(
            (rows[group] @ rows[other].T).max() < NEAR_DUPLICATE_COSINE_MIN for other in before
        )
        assert pool.scenes[group] == -1 or pool.scenes[group] not in pool.scenes[before]
        before.append(group)


def test_one_group_of_a_scene_is_enough() -> None:
    """A scene that is labelled is not picked from, another only once."""
    pool = replace(plain_pool(40), scenes=np.arange(40) // 10)
    pool.covered[0] = True

    batch = plan_batch(pool, None, SelectionSettings(seed=0, budget=3))

    assert {1, 2, 3} == {pick.group // 10 for pick in batch.picks}


def test_a_labelled_failure_is_not_repeated() -> None:
    """Its near duplicates bring nothing, those that are only like it do: it does not cover them."""
    vectors = np.zeros((12, 14), np.float32)
    vectors[:4, 0] = 10  # near duplicates
    vectors[4:8, 0] = 1.5  # alike
    vectors[8:, 1] = 1
    vectors[np.arange(12), np.arange(2, 14)] = 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    failed = np.arange(12) == 0
    pool = Pool(12, failed, ~failed & failed, vectors, np.arange(12), labelled=failed)

    batch = plan_batch(pool, like(pool, [0]), SelectionSettings(seed=0, budget=1, targeted_share=1))

    assert [4] == [pick.group for pick in batch.picks]
    assert [] == batch.notes


def test_the_scene_of_a_labelled_failure_is_taken() -> None:
    """Other groups of a scene are not picked when a failure of it is labelled."""
    pool = replace(plain_pool(40), scenes=np.arange(40) // 10, labelled=np.arange(40) == 0)

    batch = plan_batch(pool, like(pool, [1]), SelectionSettings(seed=0, budget=3))

    assert {1, 2, 3} == {pick.group // 10 for pick in batch.picks}
