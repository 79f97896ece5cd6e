"""Counters against the rows that they count.

Rows cannot be read at one moment with the counters, and change meanwhile. But each change of a row
moves a counter in the same transaction, so the counters say how many rows have changed while they
were read, and by how much a count of them may be wrong: each pass bounds how far a counter is off.
That stays the same while rows come and go, so the bounds of several passes hold together. A counter
is wrong when 0 is out of all bounds; it is known by how much when one number is left.

A sample that is reviewed there and back moves its counter there and back, which nobody sees. But it
is put each time: when two passes meet the same rows at the same revisions, all stood still between
them, where the counters were read, and are told exactly. Nothing else convicts counts of reviews.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.ingest import counters
from services.ingest.context import Ingest
from services.ingest.counters import Count
from services.ingest.doctor.reading import campaigns
from services.ingest.doctor.standstill import standstill
from services.ingest.records import Review, Row, RowState
from services.ledger.interface import Ledger
from services.records.records import decode, prefix
from services.records.scanning import PAGE, scan_pages
from sluice.names import CampaignName

PASSES: Final = 3
"""How often rows are counted at most while they change."""

_VERDICTS: Final = (
    Count.DUPLICATE,
    Count.OVER_BUDGET,
    Count.INACTIVE,
    Count.SCORE_MISMATCH,
    Count.PENDING,
    Count.NEAR_DUPLICATE,
    Count.COLLECTED,
)
_OF_ROWS: Final = (
    Count.PENDING,
    Count.NEAR_DUPLICATE,
    Count.COLLECTED,
    Count.BUDGET_USED,
    Count.ACCEPTED,
    Count.DISCARDED,
)
_STATES: Final = {
    RowState.PENDING: Count.PENDING,
    RowState.NEAR_DUPLICATE: Count.NEAR_DUPLICATE,
    RowState.COLLECTED: Count.COLLECTED,
}
_OF_REVIEWS: Final = (Count.ACCEPTED.of(""), Count.DISCARDED.of(""))
_REVIEWS: Final = {Review.ACCEPTED: Count.ACCEPTED, Review.DISCARDED: Count.DISCARDED}


@dataclass(frozen=True, slots=True)
class Census:
    """The counters of a campaign, and for each that rows tell, bounds of how far it is off.

    `seal` stands for the rows and their revisions; `stood_still` says that none changed.
    """

    values: Mapping[str, int]
    off: Mapping[str, tuple[int, int]]
    seal: bytes
    stood_still: bool = False

    @property
    def exact(self) -> bool:
        """Whether nothing moved: every bound is one number."""
        return all(low == high for low, high in self.off.values())

    @property
    def suspect(self) -> dict[str, tuple[int, int]]:
        """The counters that look wrong."""
        return {name: (low, high) for name, (low, high) in self.off.items() if low > 0 or high < 0}

    @property
    def wrong(self) -> dict[str, tuple[int, int]]:
        """The counters that are off for sure."""
        return {
            name: bounds
            for name, bounds in self.suspect.items()
            if self.stood_still or not name.startswith(_OF_REVIEWS)
        }

    def exactly(self) -> Census:
        """The census of rows that stood still: without what they may have moved before."""
        middle = {name: (low + high) // 2 for name, (low, high) in self.off.items()}
        off = {name: (value, value) for name, value in middle.items()}
        return Census(self.values, off, self.seal, stood_still=True)

    def within(self, earlier: Census) -> Census:
        """The same, with the bounds of an earlier census as well."""
        off = {}
        for name, (low, high) in self.off.items():
            low_before, high_before = earlier.off.get(name, (low, high))
            both = max(low, low_before), min(high, high_before)
            # Bounds that contradict each other: somebody mended the counter in between.
            off[name] = both if both[0] <= both[1] else (low, high)
        return Census(self.values, off, self.seal)

    def sum_off(self, campaign: str) -> int | None:
        """How far the matches are from the sum of their verdicts, these as they should be.

        None where that cannot be told while rows change.
        """
        value = {count: self.values[count.of(campaign)] for count in (*_VERDICTS, Count.MATCHES)}
        off = value[Count.MATCHES] - sum(value[verdict] for verdict in _VERDICTS)
        for verdict in _STATES.values():
            low, high = self.off[verdict.of(campaign)]
            if low != high:
                return off if not self.wrong else None
            off += low
        return off


async def examine(ingest: Ingest, project: str, *, repair: bool) -> ExaminationEvents:
    """Compare the counters of every campaign with its rows."""
    ledger = ingest.stores.ledger
    for number, campaign in enumerate(await campaigns(ledger, project), 1):
        yield ExaminationProgress("counters", number)
        census = await count(ledger, project, campaign)
        findings = _findings(project, campaign, census)
        mended = await _repair(ingest, project, campaign) if findings and repair else set()
        for counter, finding in findings.items():
            yield finding.mark_repaired(counter in mended)


async def count(ledger: Ledger, project: str, campaign: str) -> Census:
    """Count the rows of a campaign: once where they agree, again where they do not or move."""
    census = last = await _pass(ledger, project, campaign)
    for _ in range(PASSES - 1):
        if census.exact and not census.suspect and not census.sum_off(campaign):
            break
        latest = await _pass(ledger, project, campaign)
        if latest.seal == last.seal:
            return last.exactly()
        last, census = latest, latest.within(census)
    return census


async def _pass(ledger: Ledger, project: str, campaign: str) -> Census:
    moving = [count.of(campaign) for count in _OF_ROWS]
    before = await ledger.counters(project, moving)
    rows: Counter[str] = Counter(dict.fromkeys(moving, 0))
    seal = sha256()
    async for page in scan_pages(ledger, project, prefix("row", campaign), PAGE * 4):
        for entry in page:
            seal.update(f"{entry.key} {entry.revision}\n".encode())
            _add(rows, campaign, decode(Row, entry))
    names = {*rows, *(count.of(campaign) for count in (*_VERDICTS, Count.MATCHES))}
    after = await ledger.counters(project, sorted(names))
    moved = _moved(before, after, campaign)
    off = {
        name: (after[name] - counted - moved, after[name] - counted + moved)
        for name, counted in rows.items()
    }
    return Census(after, off, seal.digest())


def _add(rows: Counter[str], campaign: str, row: Row) -> None:
    rows[_STATES[row.state].of(campaign)] += 1
    used = int(row.state is not RowState.NEAR_DUPLICATE)
    rows[Count.BUDGET_USED.of(campaign)] += used
    # Named also when nothing of that day is left: then the counter must be 0.
    rows[counters.budget_used_on(campaign, row.received_us)] += used
    if row.review in _REVIEWS:
        rows[_REVIEWS[row.review].of(campaign)] += 1


def _moved(before: Mapping[str, int], after: Mapping[str, int], campaign: str) -> int:
    """How many rows came or changed at most, by what they moved."""
    delta = {count: after[count.of(campaign)] - before[count.of(campaign)] for count in _OF_ROWS}
    came = sum(delta[count] for count in _STATES.values())
    decided = delta[Count.NEAR_DUPLICATE] + delta[Count.COLLECTED]
    return abs(came) + abs(decided) + sum(abs(delta[count]) for count in _REVIEWS.values())


async def _repair(ingest: Ingest, project: str, campaign: str) -> set[str]:
    """Set the counters to what the rows say; which could be.

    Everything is counted anew while the projector stands still, and changed by differences, so
    that what batches add meanwhile stays added.
    """
    async with standstill(ingest, project) as still:
        if still is None:
            return set()
        census = await count(ingest.stores.ledger, project, campaign)
        adds = {name: -low for name, (low, high) in census.wrong.items() if low == high}
        if matches := census.sum_off(campaign):
            adds[Count.MATCHES.of(campaign)] = -matches
        return set(adds) if adds and await still.commit(adds=adds) else set()


def _findings(project: str, campaign: str, census: Census) -> dict[str, Finding]:
    """What is wrong with which counter."""
    name = CampaignName(project, campaign)
    findings = {}
    for counter, (low, high) in sorted(census.wrong.items()):
        found = census.values[counter]
        subject, expected = f"{name} {_counter(counter)}", _span(found - high, found - low)
        findings[counter] = Finding(FindingKind.COUNTER, subject, expected, str(found))
    if off := census.sum_off(campaign):
        counter = Count.MATCHES.of(campaign)
        kind, found = FindingKind.FUNNEL_SUM, census.values[counter]
        findings[counter] = Finding(kind, f"{name} matches", str(found - off), str(found))
    return findings


def _counter(name: str) -> str:
    """What a counter counts, without the campaign."""
    what, _, *day = name.split("/")
    return " ".join([what, *day])


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"
