"""Counters against the records that they count.

Both cannot be read at one moment, but each change of a record moves the counters in the same
transaction, and gives it a revision above all earlier ones. So of the records that are read after
the counters, those with a revision that was known before are as they were when the counters were
read; all others may have been anything. That bounds how far each counter is off, exactly where
nothing has changed. It stays the same while records come and change, there and back too, so the
bounds of several passes hold together. A drift smaller than the traffic of a pass hides in it.

Records that are counted here are never deleted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.doctor.examination import Examination
from services.ledger.interface import ABSENT, Entry
from services.records.documents import find_record
from services.records.records import Record, encode, key
from services.records.scanning import scan_pages

PASSES: Final = 4
"""How often records are counted at most: the first pass only learns their revisions."""

Bounds = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Counted:
    """Which counters count the records below a prefix, and which of them count a record."""

    below: str
    counters: Sequence[str]
    counted_by: Callable[[Entry], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Census:
    """The counters as they were read last, and bounds of how far each of them is off."""

    values: Mapping[str, int]
    off: Mapping[str, Bounds]

    @property
    def exact(self) -> bool:
        """Whether every bound is one number."""
        return all(low == high for low, high in self.off.values())

    @property
    def wrong(self) -> dict[str, Bounds]:
        """The counters that are off for sure."""
        return {name: (low, high) for name, (low, high) in self.off.items() if low > 0 or high < 0}

    def within(self, earlier: Census | None) -> Census:
        """The same, with the bounds of an earlier census as well."""
        off = {}
        for name, (low, high) in self.off.items():
            low_before, high_before = earlier.off[name] if earlier else (low, high)
            both = max(low, low_before), min(high, high_before)
            # Bounds that contradict each other: somebody mended the counter in between.
            off[name] = both if both[0] <= both[1] else (low, high)
        return Census(self.values, off)


class Mended(Record, frozen=True, kw_only=True):
    """When counters of a dataset were mended last: what was counted before that is void."""

    mended_us: int


async def take(this: Examination, what: Counted) -> Census:
    """Count records until all bounds are exact, or often enough."""
    census, known = None, 0
    for _ in range(PASSES):
        latest, known = await _pass(this, what, known)
        census = latest.within(census)
        if census.exact:
            break
    assert census is not None
    return census


async def _pass(this: Examination, what: Counted, known: int) -> tuple[Census, int]:
    """A census by records up to a revision, and the highest one that was met."""
    values = await this.ledger.counters(this.project, what.counters)
    certain: Counter[str] = Counter()
    unsure, newest = 0, known
    async for page in scan_pages(this.ledger, this.project, what.below):
        for entry in page:
            newest = max(newest, entry.revision)
            if entry.revision > known:
                unsure += 1
            else:
                certain.update(what.counted_by(entry))
    off = {
        name: (value - certain[name] - unsure, value - certain[name])
        for name, value in values.items()
    }
    return Census(values, off), newest


async def mend(this: Examination, dataset: str, what: Counted) -> set[str]:
    """Set counters to what the records say; which could be.

    Everything is counted anew and changed by differences, so that what others add meanwhile stays
    added. Of two doctors only one does it: the other one's count is void by then.
    """
    where = mended_key(dataset)
    before = await find_record(this.ledger, this.project, where, Mended)
    census = await take(this, what)
    adds = {name: -low for name, (low, high) in census.wrong.items() if low == high}
    checks = {where: before.revision if before else ABSENT}
    puts = {where: encode(Mended(mended_us=this.started_us))}
    return set(adds) if adds and await this.commit_repair(checks, puts, adds) else set()


def mended_key(dataset: str) -> str:
    """Where it lies when the counters of a dataset were mended."""
    return key("counters-mended", dataset)
