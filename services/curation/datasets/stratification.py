"""Splits for groups: stratified by class, random, and reproducible from the seed."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from services.curation.records import Split
from sluice.checks import check_finite
from sluice.errors import InvalidArgument

SHARES_TOLERANCE: Final = 1e-6
"""Tolerance for the sum of shares, which should be 1: three thirds are not exactly."""

Shares = Mapping[Split, float]


@dataclass(frozen=True, slots=True)
class SplitCandidate:
    """A group, the classes of its labels, and its split, if it has one already."""

    id: str
    classes: frozenset[str] = frozenset()
    split: Split = Split.NONE


def check_shares(shares: Shares) -> None:
    """Raise InvalidArgument unless every share is greater than 0 and their sum is 1."""
    for split, share in shares.items():
        check_finite("shares", share)
        if not share > 0:
            raise InvalidArgument.of("shares", f"{split}: {share:g}; expected more than 0")
    if not math.isclose(total := sum(shares.values()), 1, abs_tol=SHARES_TOLERANCE):
        raise InvalidArgument.of("shares", f"the sum is {total:g}; expected 1")


def stratify_groups(
    groups: Sequence[SplitCandidate], shares: Shares, seed: int
) -> dict[str, Split]:
    """Splits for the groups that have none yet, by group id.

    Groups are stratified by their rarest class. In every stratum, and in all of them together,
    each split gets its share, to within one group, of the groups that have no split or one with a
    share; where a split exceeds its share already, the others are short in proportion to theirs.
    The result depends neither on the order of the groups nor on how many of these splits an
    interrupted call has stored.
    """
    # Groups of a split without a share are left out: they would take places from the last split.
    strata = {
        name: [group for group in members if not group.split or group.split in shares]
        for name, members in _strata(groups).items()
    }
    targets = _targets({name: len(members) for name, members in strata.items()}, shares)
    assigned: dict[str, Split] = {}
    for name, members in strata.items():
        held = Counter(group.split for group in members)
        unassigned = sorted((g for g in members if not g.split), key=lambda g: _draw(seed, g.id))
        places = _split_places(targets[name], held, shares)
        assigned.update(zip((group.id for group in unassigned), places, strict=True))
    return assigned


def _split_places(target: Counter[Split], held: Counter[Split], shares: Shares) -> list[Split]:
    """The splits to assign in a stratum, one for each group without a split."""
    places = Counter({split: max(target[split] - held[split], 0) for split in shares})
    short: Counter[Split] = Counter()
    for _ in range(places.total() - held[Split.NONE]):
        eligible = [split for split in shares if places[split]]
        split = min(eligible, key=lambda split: (short[split] + 1) / shares[split])
        places[split] -= 1
        short[split] += 1
    return [split for split in shares for _ in range(places[split])]


def _strata(groups: Sequence[SplitCandidate]) -> dict[str, list[SplitCandidate]]:
    """Groups by their rarest class, "" for groups without any; the smallest stratum first."""
    sizes = Counter(name for group in groups for name in group.classes)
    strata: defaultdict[str, list[SplitCandidate]] = defaultdict(list)
    for group in groups:
        strata[min(group.classes, key=lambda name: (sizes[name], name), default="")].append(group)
    return dict(sorted(strata.items(), key=lambda item: (len(item[1]), item[0])))


def _targets(sizes: Mapping[str, int], shares: Shares) -> dict[str, Counter[Split]]:
    """How many groups of each stratum go into each split.

    Rounding errors are carried to the next stratum: otherwise, of many classes with few groups
    each, all would go to the largest split.
    """
    targets: dict[str, Counter[Split]] = {}
    owed = dict.fromkeys(shares, 0.0)
    for name, size in sizes.items():
        for split, share in shares.items():
            owed[split] += share * size
        rounded = Counter({split: max(math.floor(owed[split]), 0) for split in shares})
        rounded = _fit_to_size(rounded, owed, size)
        for split in shares:
            owed[split] -= rounded[split]
        targets[name] = rounded
    return targets


def _fit_to_size(rounded: Counter[Split], owed: Mapping[Split, float], size: int) -> Counter[Split]:
    """Counts that sum to the size: the largest remainders are rounded the other way."""
    counts = Counter(rounded)
    while (missing := size - sum(counts.values())) != 0:
        step = 1 if missing > 0 else -1
        eligible = [split for split in owed if step > 0 or counts[split]]
        split = max(eligible, key=lambda split: step * (owed[split] - counts[split]))
        counts[split] += step
    return counts


def _draw(seed: int, group: str) -> bytes:
    """A random number for a group that does not depend on the other groups."""
    return sha256(f"{seed}/".encode() + group.encode()).digest()
