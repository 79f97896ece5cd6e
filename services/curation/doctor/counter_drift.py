"""How far counters are off the records that they count.

Counters and records cannot be read at one moment. But every change of a record moves the counters
in the same transaction, and gets a revision above all earlier ones. So a record that is read after
the counters is the same as it was when they were read if its revision was seen in an earlier pass;
any other record may have been anything. This bounds how far each counter is off, and the bounds
meet where nothing changed. Changes of records move neither a drift nor its true value, so the
bounds of several passes hold together. A drift smaller than the traffic of a pass stays undetected.

Counted records are never deleted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.curation.records import CounterRepair, counter_repair_key
from services.doctor.examination import Examination
from services.ledger.interface import ABSENT, Entry
from services.records.documents import find_record
from services.records.records import encode
from services.records.scanning import scan_pages

PASSES: Final = 4
"""Passes over the records at most; the first one only learns their revisions."""

Bounds = tuple[int, int]


@dataclass(frozen=True, slots=True)
class CounterRule:
    """Counters of the records below a prefix, and the counters that count a given record."""

    below: str
    counters: Sequence[str]
    counters_of: Callable[[Entry], Sequence[str]]


@dataclass(frozen=True, slots=True)
class CounterDrift:
    """Counters as they were read last, and bounds of stored minus true value of each."""

    values: Mapping[str, int]
    bounds: Mapping[str, Bounds]

    @property
    def exact(self) -> bool:
        """Whether the two bounds of every counter are equal."""
        return all(low == high for low, high in self.bounds.values())

    @property
    def certain(self) -> dict[str, Bounds]:
        """The counters whose bounds exclude 0."""
        return {
            name: (low, high) for name, (low, high) in self.bounds.items() if low > 0 or high < 0
        }

    def narrow(self, earlier: CounterDrift | None) -> CounterDrift:
        """A copy whose bounds also hold for an earlier pass."""
        bounds = {}
        for name, (low, high) in self.bounds.items():
            low_before, high_before = earlier.bounds[name] if earlier else (low, high)
            both = max(low, low_before), min(high, high_before)
            # Bounds that contradict each other: the counter was repaired between the passes.
            bounds[name] = both if both[0] <= both[1] else (low, high)
        return CounterDrift(self.values, bounds)


async def measure_counter_drift(examination: Examination, rule: CounterRule) -> CounterDrift:
    """Count records until all bounds are exact, at most `PASSES` times."""
    drift, revision = None, 0
    for _ in range(PASSES):
        latest, revision = await _count_records(examination, rule, revision)
        drift = latest.narrow(drift)
        if drift.exact:
            break
    assert drift is not None
    return drift


async def _count_records(
    examination: Examination, rule: CounterRule, seen_revision: int
) -> tuple[CounterDrift, int]:
    """The drift by the records up to an already seen revision, and the highest one of this pass."""
    values = await examination.ledger.counters(examination.project, rule.counters)
    counts: Counter[str] = Counter()
    changed, highest = 0, seen_revision
    async for page in scan_pages(examination.ledger, examination.project, rule.below):
        for entry in page:
            highest = max(highest, entry.revision)
            if entry.revision > seen_revision:
                changed += 1
            else:
                counts.update(rule.counters_of(entry))
    bounds = {
        name: (value - counts[name] - changed, value - counts[name])
        for name, value in values.items()
    }
    return CounterDrift(values, bounds), highest


async def repair_counters(examination: Examination, dataset: str, rule: CounterRule) -> set[str]:
    """Reset counters from the records; returns the ones repaired.

    Records are counted again and counters changed by differences, so that concurrent changes are
    kept. Of two doctors only one repairs: the other one's count is void by then.
    """
    repair_key = counter_repair_key(dataset)
    before = await find_record(examination.ledger, examination.project, repair_key, CounterRepair)
    drift = await measure_counter_drift(examination, rule)
    adds = {name: -low for name, (low, high) in drift.certain.items() if low == high}
    checks = {repair_key: before.revision if before else ABSENT}
    puts = {repair_key: encode(CounterRepair(mended_us=examination.started_us))}
    return set(adds) if adds and await examination.commit_repair(checks, puts, adds) else set()
