"""The next batch: exact, free of what is excluded, and the same whenever it is planned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.curation.selection.budget import batch_size
from services.curation.selection.plan import plan_batch
from services.curation.selection.pool import (
    CoverageMethod,
    PickSource,
    Pool,
    SelectionSettings,
    TargetedMethod,
)
from services.curation.selection.targeted import Failures
from sluice.errors import InvalidArgument
from tests.unit.curation.selection.random_groups import (
    like,
    plain_pool,
    pools,
    random_failures,
    random_groups,
    random_pool,
    seeds,
    selection_settings,
    some_examples,
)

failing = st.one_of(st.none(), st.builds(random_failures, seeds, st.integers(0, 6)))


def remaining(pool: Pool) -> set[int]:
    """The groups that may be picked."""
    return set(np.flatnonzero(~(pool.excluded | pool.covered)).tolist())


@some_examples
@given(pools, failing, selection_settings)
def test_a_batch_is_exact(pool: Pool, failed: Failures | None, settings: SelectionSettings) -> None:
    """It has as many groups as the budget says, none twice, and none that may not be picked."""
    batch = plan_batch(pool, failed, settings)

    groups = [pick.group for pick in batch.picks]
    assert batch_size(settings.budget, len(remaining(pool))) == len(groups) == len(set(groups))
    assert set() == set(groups) - remaining(pool)
    assert list(range(1, len(groups) + 1)) == [pick.rank for pick in batch.picks]


@some_examples
@given(pools, failing, selection_settings)
def test_the_same_seed_gives_the_same_batch(
    pool: Pool, failed: Failures | None, settings: SelectionSettings
) -> None:
    """Planned twice, a batch is the same, in picks, ranks, gains and notes."""
    assert plan_batch(pool, failed, settings) == plan_batch(pool, failed, settings)


@some_examples
@given(pools, failing, selection_settings)
def test_rounds_never_repeat(
    pool: Pool, failed: Failures | None, settings: SelectionSettings
) -> None:
    """Round after round, each with the last one's picks selected, every group comes once."""
    expected, seen = remaining(pool), []
    while remaining(pool):
        groups = [pick.group for pick in plan_batch(pool, failed, settings).picks]
        covered = pool.covered.copy()
        covered[groups] = True
        pool = replace(pool, covered=covered, labelled=pool.not_repeated | covered)
        seen += groups

    assert sorted(expected) == sorted(seen)


@some_examples
@given(seeds, st.integers(1, 40), selection_settings)
def test_the_order_of_slices_changes_nothing(
    seed: int, size: int, settings: SelectionSettings
) -> None:
    """A group is picked for all of its rows, whichever way they are listed."""
    pool = random_pool(seed, size, 3)
    assert pool.vectors is not None
    assert pool.group_of is not None
    order = np.argsort(pool.group_of, kind="stable")
    listed = replace(pool, vectors=pool.vectors[order], group_of=pool.group_of[order])

    assert plan_batch(pool, None, settings) == plan_batch(listed, None, settings)


def test_the_budget_is_shared_30_to_70() -> None:
    """Of 20 picks in 100, 14 answer to failures, and both kinds come at an even pace."""
    pool = plain_pool(100)

    batch = plan_batch(pool, like(pool, [3, 7]), SelectionSettings(seed=0))

    sources = [pick.source for pick in batch.picks]
    assert (6, 14) == (sources.count(PickSource.COVERAGE), sources.count(PickSource.TARGETED))
    assert 7 == sources[:10].count(PickSource.TARGETED)
    assert [] == batch.notes


def test_a_targeted_pick_names_its_failure() -> None:
    """A group that is a failure's twin is picked first, for that failure."""
    pool = plain_pool(100)

    batch = plan_batch(pool, like(pool, [3, 7]), SelectionSettings(seed=0))

    named = {p.group: p.failure for p in batch.picks if p.source is PickSource.TARGETED}
    assert (0, 1) == (named[3], named[7])
    assert {None} == {p.failure for p in batch.picks if p.source is PickSource.COVERAGE}


def test_coverage_takes_targeted_picks_as_given() -> None:
    """Of two clusters the larger one has its pick by a failure; coverage goes to the other."""
    none = np.zeros(10, bool)
    vectors = np.zeros((10, 12), np.float32)
    vectors[:6, 0] = vectors[6:, 1] = 3
    vectors[np.arange(10), np.arange(2, 12)] = 1  # alike, but no near duplicates
    pool = Pool(10, none, none, vectors / np.sqrt(np.float32(10)), np.arange(10))

    batch = plan_batch(
        pool, like(pool, [2]), SelectionSettings(seed=0, budget=2, targeted_share=0.5)
    )

    found = {pick.source: pick.group for pick in batch.picks}
    assert 2 == found[PickSource.TARGETED]
    assert found[PickSource.COVERAGE] >= 6


def test_zcore_picks_the_highest_scores() -> None:
    """Scores are stored ones, from high to low."""
    pool = replace(plain_pool(20), zcore=np.arange(20) % 7 / 6)

    batch = plan_batch(
        pool, None, SelectionSettings(seed=0, budget=3, coverage=CoverageMethod.ZCORE)
    )

    assert [(6, 1.0), (13, 1.0), (5, 5 / 6)] == [(pick.group, pick.gain) for pick in batch.picks]


@pytest.mark.parametrize("targeted", TargetedMethod)
def test_rows_without_direction_are_picked_once(targeted: TargetedMethod) -> None:
    """A group that is unlike all is unlike itself too, and yet no group is picked twice."""
    pool = plain_pool(12)
    assert pool.vectors is not None
    pool.vectors[:6] = 0

    batch = plan_batch(
        pool, like(pool, [1, 8]), SelectionSettings(seed=0, budget=12, targeted=targeted)
    )

    assert list(range(12)) == sorted(pick.group for pick in batch.picks)


@pytest.mark.parametrize("none", [None, Failures.equal(random_groups(0, 0).groups)])
def test_without_failures_all_is_coverage(none: Failures | None) -> None:
    """And the plan says so."""
    batch = plan_batch(plain_pool(50), none, SelectionSettings(seed=0))

    assert [PickSource.COVERAGE] * 10 == [pick.source for pick in batch.picks]
    assert ["There are no failures: the whole batch is for coverage."] == batch.notes


def test_without_embeddings_all_is_random() -> None:
    """The seed decides, and the plan says so."""
    bare = replace(plain_pool(50), vectors=None, group_of=None)

    one, two = (plan_batch(bare, None, SelectionSettings(seed)) for seed in (1, 2))

    assert [0.0] * 10 == [pick.gain for pick in one.picks]
    assert [pick.group for pick in one.picks] != [pick.group for pick in two.picks]
    assert [
        "No group that remains has an embedding: the batch is random, with seed 1."
    ] == one.notes


def test_shortfalls_are_made_up_and_said() -> None:
    """Near duplicates come last: coverage first makes up for them, then chance."""
    pool = plain_pool(30)
    assert pool.vectors is not None
    pool.vectors[:25] = pool.vectors[0]

    batch = plan_batch(pool, like(pool, [0]), SelectionSettings(seed=0, budget=20))

    assert 20 == len(batch.picks)
    assert {0, *range(25, 30)} == {pick.group for pick in batch.picks if pick.gain}
    assert [
        "Only 6 of 14 targeted groups were found: coverage replaces the others.",
        (
            "14 picks are near duplicates, by embedding or scene, of groups that are labelled or "
            "picked: no other groups remain."
        ),
    ] == batch.notes


def test_groups_without_embedding_come_before_near_duplicates() -> None:
    """Where only part of a pool is embedded, the rest makes up for what is missing."""
    pool = plain_pool(30)
    assert pool.vectors is not None
    part = replace(pool, vectors=pool.vectors[:5], group_of=np.arange(5))

    batch = plan_batch(part, None, SelectionSettings(seed=0, budget=12))

    assert set(range(5)) == {pick.group for pick in batch.picks[:5]}
    assert "7 picks have no embedding" in batch.notes[1]


def test_failures_are_of_the_pools_space() -> None:
    """Failures in another dimension cannot be compared."""
    with pytest.raises(InvalidArgument, match="4 components; expected 40"):
        plan_batch(plain_pool(20), random_failures(0, 2), SelectionSettings(seed=0))
