"""Which groups go into which split: by class, at random, and the same for the same seed."""

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
"""How far shares may be from 1 together: three thirds are not quite."""

Shares = Mapping[Split, float]


@dataclass(frozen=True, slots=True)
class SplitCandidate:
    """A group, the classes of its labels, and the split that it has already, if any."""

    id: str
    classes: frozenset[str] = frozenset()
    split: Split = Split.NONE


def check_shares(shares: Shares) -> None:
    """Refuse shares that are not over 0 and 1 together."""
    for split, share in shares.items():
        check_finite("shares", share)
        if not share > 0:
            raise InvalidArgument.of("shares", f"that of {split} is {share:g}, which is not over 0")
    if not math.isclose(total := sum(shares.values()), 1, abs_tol=SHARES_TOLERANCE):
        raise InvalidArgument.of("shares", f"are {total:g} together; 1 is expected")


def stratify_groups(
    groups: Sequence[SplitCandidate], shares: Shares, seed: int
) -> dict[str, Split]:
    """The splits of the groups that have none yet, by group.

    Stratified by the rarest class of each group. In every stratum and in all of them together each
    split gets its share of the groups that have none or one of these splits, to within one group;
    where a split has more than its share already, the others go short by their shares. What is
    assigned does not depend on the groups' order, nor on how many of these splits were stored
    before a call that was cut off.
    """
    # Groups of a split without a share are out of play: they would take places from the last split.
    strata = {
        name: [group for group in members if not group.split or group.split in shares]
        for name, members in _strata(groups).items()
    }
    targets = _targets({name: len(members) for name, members in strata.items()}, shares)
    assigned: dict[str, Split] = {}
    for name, members in strata.items():
        held = Counter(group.split for group in members)
        open_ = sorted((g for g in members if not g.split), key=lambda g: _draw(seed, g.id))
        places = _places(targets[name], held, shares)
        assigned.update(zip((group.id for group in open_), places, strict=True))
    return assigned


def _places(target: Counter[Split], held: Counter[Split], shares: Shares) -> list[Split]:
    """The splits of the groups of a stratum that have none, each as often as it still gets one."""
    places = Counter({split: max(target[split] - held[split], 0) for split in shares})
    short: Counter[Split] = Counter()
    for _ in range(places.total() - held[Split.NONE]):
        able = [split for split in shares if places[split]]
        split = min(able, key=lambda each: (short[each] + 1) / shares[each])
        places[split] -= 1
        short[split] += 1
    return [split for split in shares for _ in range(places[split])]


def _strata(groups: Sequence[SplitCandidate]) -> dict[str, list[SplitCandidate]]:
    """The groups by the rarest of their classes, "" where they have none; the smallest first."""
    sizes = Counter(name for group in groups for name in group.classes)
    strata: defaultdict[str, list[SplitCandidate]] = defaultdict(list)
    for group in groups:
        strata[min(group.classes, key=lambda name: (sizes[name], name), default="")].append(group)
    return dict(sorted(strata.items(), key=lambda item: (len(item[1]), item[0])))


def _targets(sizes: Mapping[str, int], shares: Shares) -> dict[str, Counter[Split]]:
    """How many of each stratum go into each split.

    What rounding takes from a split in one stratum it gets back in the next: of many classes with
    few groups each, not all may go to the largest split.
    """
    targets: dict[str, Counter[Split]] = {}
    owed = dict.fromkeys(shares, 0.0)
    for name, size in sizes.items():
        for split, share in shares.items():
            owed[split] += share * size
        whole = Counter({split: max(math.floor(owed[split]), 0) for split in shares})
        whole = _fitted(whole, owed, size)
        for split in shares:
            owed[split] -= whole[split]
        targets[name] = whole
    return targets


def _fitted(whole: Counter[Split], owed: Mapping[Split, float], size: int) -> Counter[Split]:
    """Whole numbers that sum up to the size: the largest remainders get one more, or one less."""
    fitted = Counter(whole)
    while (missing := size - sum(fitted.values())) != 0:
        step = 1 if missing > 0 else -1
        able = [split for split in owed if step > 0 or fitted[split]]
        split = max(able, key=lambda each: step * (owed[each] - fitted[each]))
        fitted[split] += step
    return fitted


def _draw(seed: int, group: str) -> bytes:
    """A number at random for a group, the same whatever other groups there are."""
    return sha256(f"{seed}/".encode() + group.encode()).digest()
