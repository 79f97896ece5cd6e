"""The next batch: exact, free of what is excluded, and the same whenever it is planned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.curation.selection.budget import apportion, batch_size
from services.curation.selection.kernel import GroupVectors
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
from sluice.limits import NEAR_DUPLICATE_COSINE_MIN
from tests.unit.curation.selection.random_groups import (
    COMPONENTS,
    random_failures,
    random_groups,
    random_pool,
)

seeds = st.integers(0, 2**32 - 3)
wishes = st.builds(
    SelectionSettings,
    seed=seeds,
    budget=st.one_of(st.integers(1, 60), st.floats(0.05, 1)),
    targeted_share=st.sampled_from([0, 0.5, 0.7, 1]),
    coverage=st.sampled_from(CoverageMethod),
    targeted=st.sampled_from(TargetedMethod),
)
worlds = st.builds(random_pool, seeds, st.integers(0, 60), st.sampled_from([1, 3]))
failing = st.one_of(st.none(), st.builds(random_failures, seeds, st.integers(0, 6)))
some = settings(max_examples=60, deadline=None)


def remaining(of: Pool) -> set[int]:
    """The groups that may be picked."""
    return set(np.flatnonzero(~(of.excluded | of.covered)).tolist())


@some
@given(worlds, failing, wishes)
def test_a_batch_is_exact(of: Pool, failed: Failures | None, wish: SelectionSettings) -> None:
    """It has as many groups as the budget says, none twice, and none that may not be picked."""
    batch = plan_batch(of, failed, wish)

    groups = [pick.group for pick in batch.picks]
    assert batch_size(wish.budget, len(remaining(of))) == len(groups) == len(set(groups))
    assert set() == set(groups) - remaining(of)
    assert list(range(1, len(groups) + 1)) == [pick.rank for pick in batch.picks]


@some
@given(worlds, failing, wishes)
def test_the_same_seed_gives_the_same_batch(
    of: Pool, failed: Failures | None, wish: SelectionSettings
) -> None:
    """Planned twice, a batch is the same, in picks, ranks, gains and notes."""
    assert plan_batch(of, failed, wish) == plan_batch(of, failed, wish)


@some
@given(worlds, failing, wishes)
def test_rounds_never_repeat(of: Pool, failed: Failures | None, wish: SelectionSettings) -> None:
    """Round after round, each with the last one's picks selected, every group comes once."""
    expected, seen = remaining(of), []
    while remaining(of):
        groups = [pick.group for pick in plan_batch(of, failed, wish).picks]
        covered = of.covered.copy()
        covered[groups] = True
        of = replace(of, covered=covered, labelled=of.not_repeated | covered)
        seen += groups

    assert sorted(expected) == sorted(seen)


@some
@given(seeds, st.integers(1, 40), wishes)
def test_the_order_of_slices_changes_nothing(seed: int, size: int, wish: SelectionSettings) -> None:
    """A group is picked for all of its rows, whichever way they are listed."""
    of = random_pool(seed, size, 3)
    assert of.vectors is not None
    assert of.group_of is not None
    order = np.argsort(of.group_of, kind="stable")
    listed = replace(of, vectors=of.vectors[order], group_of=of.group_of[order])

    assert plan_batch(of, None, wish) == plan_batch(listed, None, wish)


@some
@given(worlds, st.builds(random_failures, seeds, st.integers(1, 6)), wishes)
def test_near_duplicates_are_the_last_resort(
    of: Pool, failed: Failures, wish: SelectionSettings
) -> None:
    """Unless a note says so, no two picks are alike or of one scene, nor like what is labelled."""
    batch = plan_batch(of, failed, wish)
    said = " ".join(batch.notes)
    picks = [pick.group for pick in batch.picks]
    if "near duplicates" in said or not picks:
        return

    assert of.vectors is not None
    assert of.scenes is not None
    rows = [of.vectors[of.group_of == group] for group in range(of.size)]
    before = np.flatnonzero(of.not_repeated).tolist()
    for group in picks:
        assert all(
            (rows[group] @ rows[other].T).max() < NEAR_DUPLICATE_COSINE_MIN for other in before
        )
        assert of.scenes[group] == -1 or of.scenes[group] not in of.scenes[before]
        before.append(group)


def plain_pool(size: int, seed: int = 0) -> Pool:
    """A pool of unlike groups, nothing labelled."""
    none = np.zeros(size, bool)
    vectors = np.random.default_rng(seed).standard_normal((size, 40)).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return Pool(size, none, none, unit, np.arange(size))


def like(of: Pool, groups: list[int]) -> Failures:
    """Failures that are those groups."""
    assert of.vectors is not None
    return Failures.equal(GroupVectors.of_single_rows(of.vectors[groups]))


def test_the_budget_is_shared_30_to_70() -> None:
    """Of 20 picks in 100, 14 answer to failures, and both kinds come at an even pace."""
    of = plain_pool(100)

    batch = plan_batch(of, like(of, [3, 7]), SelectionSettings(seed=0))

    sources = [pick.source for pick in batch.picks]
    assert (6, 14) == (sources.count(PickSource.COVERAGE), sources.count(PickSource.TARGETED))
    assert 7 == sources[:10].count(PickSource.TARGETED)
    assert [] == batch.notes


def test_a_targeted_pick_names_its_failure() -> None:
    """A group that is a failure's twin is picked first, for that failure."""
    of = plain_pool(100)

    batch = plan_batch(of, like(of, [3, 7]), SelectionSettings(seed=0))

    named = {p.group: p.failure for p in batch.picks if p.source is PickSource.TARGETED}
    assert (0, 1) == (named[3], named[7])
    assert {None} == {p.failure for p in batch.picks if p.source is PickSource.COVERAGE}


def test_coverage_takes_targeted_picks_as_given() -> None:
    """Of two clusters the larger one has its pick by a failure; coverage goes to the other."""
    none = np.zeros(10, bool)
    vectors = np.zeros((10, 12), np.float32)
    vectors[:6, 0] = vectors[6:, 1] = 3
    vectors[np.arange(10), np.arange(2, 12)] = 1  # alike, but no near duplicates
    of = Pool(10, none, none, vectors / np.sqrt(np.float32(10)), np.arange(10))

    batch = plan_batch(of, like(of, [2]), SelectionSettings(seed=0, budget=2, targeted_share=0.5))

    found = {pick.source: pick.group for pick in batch.picks}
    assert 2 == found[PickSource.TARGETED]
    assert found[PickSource.COVERAGE] >= 6


def test_zcore_picks_the_highest_scores() -> None:
    """Scores are stored ones, from high to low."""
    of = replace(plain_pool(20), zcore=np.arange(20) % 7 / 6)

    batch = plan_batch(of, None, SelectionSettings(seed=0, budget=3, coverage=CoverageMethod.ZCORE))

    assert [(6, 1.0), (13, 1.0), (5, 5 / 6)] == [(pick.group, pick.gain) for pick in batch.picks]


@pytest.mark.parametrize("targeted", TargetedMethod)
def test_rows_without_direction_are_picked_once(targeted: TargetedMethod) -> None:
    """A group that is unlike all is unlike itself too, and yet no group is picked twice."""
    of = plain_pool(12)
    assert of.vectors is not None
    of.vectors[:6] = 0

    batch = plan_batch(
        of, like(of, [1, 8]), SelectionSettings(seed=0, budget=12, targeted=targeted)
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
    of = plain_pool(30)
    assert of.vectors is not None
    of.vectors[:25] = of.vectors[0]

    batch = plan_batch(of, like(of, [0]), SelectionSettings(seed=0, budget=20))

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
    of = plain_pool(30)
    assert of.vectors is not None
    part = replace(of, vectors=of.vectors[:5], group_of=np.arange(5))

    batch = plan_batch(part, None, SelectionSettings(seed=0, budget=12))

    assert set(range(5)) == {pick.group for pick in batch.picks[:5]}
    assert "7 picks have no embedding" in batch.notes[1]


def test_one_group_of_a_scene_is_enough() -> None:
    """A scene that is labelled is not picked from, another only once."""
    of = replace(plain_pool(40), scenes=np.arange(40) // 10)
    of.covered[0] = True

    batch = plan_batch(of, None, SelectionSettings(seed=0, budget=3))

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
    of = Pool(12, failed, ~failed & failed, vectors, np.arange(12), labelled=failed)

    batch = plan_batch(of, like(of, [0]), SelectionSettings(seed=0, budget=1, targeted_share=1))

    assert [4] == [pick.group for pick in batch.picks]
    assert [] == batch.notes


def test_the_scene_of_a_labelled_failure_is_taken() -> None:
    """Other groups of a scene are not picked when a failure of it is labelled."""
    of = replace(plain_pool(40), scenes=np.arange(40) // 10, labelled=np.arange(40) == 0)

    batch = plan_batch(of, like(of, [1]), SelectionSettings(seed=0, budget=3))

    assert {1, 2, 3} == {pick.group // 10 for pick in batch.picks}


@pytest.mark.parametrize(
    ("budget", "remaining_groups", "expected"),
    [(0.2, 1_000, 200), (0.2, 12, 10), (0.2, 7, 7), (3, 1_000, 3), (50, 20, 20), (0.25, 50, 13)],
)
def test_budgets(budget: float, remaining_groups: int, expected: int) -> None:
    """A fraction is at least ten groups, a count is what it says, and neither is more than all."""
    assert expected == batch_size(budget, remaining_groups)


@pytest.mark.parametrize(
    ("total", "shares", "expected"),
    [(10, [1, 1, 1.9], [3, 2, 5]), (5, [0.3, 0.7], [2, 3]), (1, [0.3, 0.7], [0, 1])],
)
def test_the_largest_remainders_are_rounded_up(
    total: int, shares: list[float], expected: list[int]
) -> None:
    """What whole parts leave goes to the largest remainders; of equals, to the first."""
    assert expected == apportion(total, shares)


@given(st.integers(0, 10_000), st.lists(st.floats(0, 1), min_size=1, max_size=5).filter(any))
def test_parts_add_up(total: int, shares: list[float]) -> None:
    """Nothing is lost in sharing out, and no part is off by one or more."""
    parts = apportion(total, shares)

    assert total == sum(parts)
    for part, share in zip(parts, shares, strict=True):
        assert abs(part - total * share / sum(shares)) < 1 + 1e-6


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("budget", {"budget": 0}),
        ("budget", {"budget": 1.5}),
        ("budget", {"budget": float("nan")}),
        ("budget", {"budget": True}),
        ("targeted_share", {"targeted_share": -0.1}),
        ("pool.zcore", {"coverage": CoverageMethod.ZCORE}),
    ],
)
def test_wrong_settings_are_named(field: str, change: dict[str, float]) -> None:
    """What is out of range, or cannot be done, is refused by its name."""
    with pytest.raises(InvalidArgument) as refusal:
        plan_batch(plain_pool(20), None, SelectionSettings(**({"seed": 0} | change)))  # type: ignore[arg-type]

    assert [field] == [violation.field for violation in refusal.value.fields]


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("pool.excluded", {"excluded": np.zeros(3, bool)}),
        ("pool.covered", {"covered": np.zeros(20, np.int64)}),
        ("pool.labelled", {"labelled": np.zeros(3, bool)}),
        ("pool.scenes", {"scenes": np.zeros(3, np.int64)}),
        ("pool.zcore", {"zcore": np.full(20, np.nan)}),
        ("pool.group_of", {"group_of": np.full(20, 20)}),
        ("pool.group_of", {"group_of": None}),
        ("pool.vectors.group_of", {"group_of": np.zeros(3, np.int64)}),
        ("pool.vectors", {"vectors": np.full((20, COMPONENTS), np.inf, np.float32)}),
    ],
)
def test_wrong_pools_are_named(field: str, change: dict[str, object]) -> None:
    """Arrays of the wrong shape, type or range are refused by their names."""
    with pytest.raises(InvalidArgument) as refusal:
        plan_batch(replace(plain_pool(20), **change), None, SelectionSettings(seed=0))  # type: ignore[arg-type]

    assert [field] == [violation.field for violation in refusal.value.fields]


@pytest.mark.parametrize("weight", [0, -1, np.nan])
def test_failures_weigh_something(weight: float) -> None:
    """A failure's weight is more than 0."""
    with pytest.raises(InvalidArgument, match="failure 1"):
        Failures(random_groups(0, 2).groups, np.array([1, weight], np.float32))


def test_failures_are_of_the_pools_space() -> None:
    """Failures in another dimension cannot be compared."""
    with pytest.raises(InvalidArgument, match="4 components; expected 40"):
        plan_batch(plain_pool(20), random_failures(0, 2), SelectionSettings(seed=0))
