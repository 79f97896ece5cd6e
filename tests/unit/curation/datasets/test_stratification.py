"""Which groups go into which split."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.curation.datasets.stratification import (
    Shares,
    SplitCandidate,
    check_shares,
    stratify_groups,
)
from services.curation.records import Split
from sluice.errors import InvalidArgument

SPLITS = [Split.TRAIN, Split.VALIDATION, Split.TEST, Split.GOLDEN]
SHARES: Shares = {Split.TRAIN: 0.7, Split.VALIDATION: 0.2, Split.TEST: 0.1}

class_names = st.frozensets(st.sampled_from(["car", "tram", "van", "bike"]), max_size=3)
groups_of = st.lists(class_names, max_size=80).map(
    lambda each: [SplitCandidate(f"g{number}", classes) for number, classes in enumerate(each)]
)
shares_of = st.lists(st.integers(1, 20), min_size=1, max_size=4).map(
    lambda parts: {split: part / sum(parts) for split, part in zip(SPLITS, parts)}
)


def having(groups: list[SplitCandidate], assigned: dict[str, Split]) -> list[SplitCandidate]:
    """The same groups, some with a split."""
    return [SplitCandidate(g.id, g.classes, assigned.get(g.id, g.split)) for g in groups]


@given(groups_of, shares_of, st.integers(0, 2**32))
def test_shares_are_kept_to_within_one(
    groups: list[SplitCandidate], shares: Shares, seed: int
) -> None:
    """Every group gets one of the splits, and each split its share, to within one group."""
    assigned = stratify_groups(groups, shares, seed)
    counts = Counter(assigned.values())

    assert {group.id for group in groups} == set(assigned)
    assert set() == set(assigned.values()) - set(shares)
    for split, share in shares.items():
        assert abs(counts[split] - share * len(groups)) <= 1 + 1e-6


@given(groups_of, shares_of, st.integers(0, 2**32))
def test_the_same_seed_gives_the_same(
    groups: list[SplitCandidate], shares: Shares, seed: int
) -> None:
    """Neither the order of groups nor a part that was stored already changes a split."""
    assigned = stratify_groups(groups, shares, seed)
    shuffled = random.Random(seed).sample(groups, len(groups))  # noqa: S311 - not a secret
    half = dict(list(assigned.items())[::2])
    rest = stratify_groups(having(groups, half), shares, seed)

    assert assigned == stratify_groups(shuffled, shares, seed)
    assert assigned == half | rest


@given(groups_of, st.integers(0, 2**32))
def test_what_is_assigned_stays(groups: list[SplitCandidate], seed: int) -> None:
    """Groups with a split are not assigned again, whatever the shares are then."""
    first = stratify_groups(groups, SHARES, seed)
    more = [*having(groups, first), SplitCandidate("new")]

    assert {"new"} == set(stratify_groups(more, {Split.GOLDEN: 1.0}, seed))


def test_every_class_is_in_every_split() -> None:
    """Of a class that few groups have, each split gets its share too."""
    rare = [SplitCandidate(f"r{number}", frozenset({"tram", "car"})) for number in range(10)]
    common = [SplitCandidate(f"c{number}", frozenset({"car"})) for number in range(90)]
    assigned = stratify_groups([*common, *rare], SHARES, seed=1)

    assert {Split.TRAIN: 7, Split.VALIDATION: 2, Split.TEST: 1} == Counter(
        assigned[group.id] for group in rare
    )


def test_groups_of_other_splits_take_no_places() -> None:
    """Shares are those of what is left beside a split that has none."""
    golden = [SplitCandidate(f"o{number}", split=Split.GOLDEN) for number in range(30)]
    open_ = [SplitCandidate(f"g{number}") for number in range(70)]

    assert {Split.TRAIN: 49, Split.VALIDATION: 14, Split.TEST: 7} == Counter(
        stratify_groups([*golden, *open_], SHARES, seed=1).values()
    )


def test_a_split_with_more_than_its_share_gets_no_more() -> None:
    """What it has too much the others lack by their shares, none of them all of it."""
    held = [SplitCandidate(f"h{number}", split=Split.TRAIN) for number in range(85)]
    open_ = [SplitCandidate(f"g{number}") for number in range(15)]

    assert {Split.VALIDATION: 10, Split.TEST: 5} == Counter(
        stratify_groups([*held, *open_], SHARES, seed=1).values()
    )


@given(groups_of, shares_of, st.data())
def test_stored_parts_change_nothing_beside_splits_of_before(
    groups: list[SplitCandidate], shares: Shares, data: st.DataObject
) -> None:
    """Also where some groups had any split, a call that was cut off goes on to the same end."""
    before = {group.id: data.draw(st.sampled_from([Split.NONE, *SPLITS])) for group in groups}
    groups = having(groups, before)
    assigned = stratify_groups(groups, shares, seed=1)
    half = dict(list(assigned.items())[::2])

    assert {group.id for group in groups if not group.split} == set(assigned)
    assert assigned == half | stratify_groups(having(groups, half), shares, seed=1)


def test_another_seed_gives_another_draw() -> None:
    """Seeds are drawn apart."""
    groups = [SplitCandidate(f"g{number}") for number in range(100)]
    assert stratify_groups(groups, SHARES, 1) != stratify_groups(groups, SHARES, 2)


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({}, "shares: the sum is 0; expected 1"),
        ({Split.TRAIN: 0.5, Split.TEST: 0.4}, "the sum is 0.9"),
        ({Split.TRAIN: 1.5, Split.TEST: -0.5}, "test: -0.5; expected more than 0"),
        ({Split.TRAIN: float("nan")}, "nan is not a finite number"),
    ],
)
def test_shares_that_are_none_are_refused(shares: Shares, said: str) -> None:
    """Shares are over 0, and 1 together."""
    with pytest.raises(InvalidArgument, match=said):
        check_shares(shares)
