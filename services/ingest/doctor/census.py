"""Counters against the rows that they count.

Rows and counters cannot be read at one moment, and rows change meanwhile. But each change of a row
changes a counter in the same transaction. So the counters tell how many rows changed during a pass,
and each pass bounds the error of a counter. The error does not depend on rows that come and go, so
the bounds of several passes are intersected. A counter is wrong if 0 is outside its bounds, and its
error is known once the bounds are one number.

A review that is taken back changes its counter and restores it, unseen between two readings. But
the row is written each time: if two passes read the same rows at the same revisions, no row changed
between them, where the counters were read, and the errors are exact. Only then is a count of
reviews reported as wrong.
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
from services.ingest.projector_pause import pause_projector
from services.ingest.records import Review, Row, RowState
from services.ledger.interface import Ledger
from services.records.records import decode, prefix
from services.records.scanning import PAGE, scan_pages
from sluice.names import CampaignName

PASSES: Final = 3
"""Maximum number of times that changing rows are counted."""

_VERDICTS: Final = (
    Count.DUPLICATE,
    Count.OVER_BUDGET,
    Count.INACTIVE,
    Count.SCORE_MISMATCH,
    Count.PENDING,
    Count.NEAR_DUPLICATE,
    Count.COLLECTED,
)
_ROW_COUNTS: Final = (
    Count.PENDING,
    Count.NEAR_DUPLICATE,
    Count.COLLECTED,
    Count.BUDGET_USED,
    Count.ACCEPTED,
    Count.DISCARDED,
)
_COUNT_OF_STATE: Final = {
    RowState.PENDING: Count.PENDING,
    RowState.NEAR_DUPLICATE: Count.NEAR_DUPLICATE,
    RowState.COLLECTED: Count.COLLECTED,
}
_REVIEW_PREFIXES: Final = (Count.ACCEPTED.of(""), Count.DISCARDED.of(""))
_COUNT_OF_REVIEW: Final = {Review.ACCEPTED: Count.ACCEPTED, Review.DISCARDED: Count.DISCARDED}


@dataclass(frozen=True, slots=True)
class Census:
    """The counters of a campaign, and the bounds of the error of each one that rows determine.

    `digest` is that of the rows and their revisions; `unchanged` says that no row changed.
    """

    values: Mapping[str, int]
    errors: Mapping[str, tuple[int, int]]
    digest: bytes
    unchanged: bool = False

    @property
    def exact(self) -> bool:
        """Whether every error is known: its bounds are one number."""
        return all(low == high for low, high in self.errors.values())

    @property
    def suspect(self) -> dict[str, tuple[int, int]]:
        """The counters with an error, unless a review was taken back meanwhile."""
        return {
            name: (low, high) for name, (low, high) in self.errors.items() if low > 0 or high < 0
        }

    @property
    def wrong(self) -> dict[str, tuple[int, int]]:
        """The counters that certainly have an error."""
        return {
            name: bounds
            for name, bounds in self.suspect.items()
            if self.unchanged or not name.startswith(_REVIEW_PREFIXES)
        }

    def as_exact(self) -> Census:
        """The census of unchanged rows: each error is the middle of its symmetric bounds."""
        middles = {name: (low + high) // 2 for name, (low, high) in self.errors.items()}
        errors = {name: (middle, middle) for name, middle in middles.items()}
        return Census(self.values, errors, self.digest, unchanged=True)

    def intersect(self, earlier: Census) -> Census:
        """The census with its bounds narrowed to those of an earlier one."""
        errors = {}
        for name, (low, high) in self.errors.items():
            low_before, high_before = earlier.errors.get(name, (low, high))
            both = max(low, low_before), min(high, high_before)
            # Disjoint bounds: the counter was repaired in between.
            errors[name] = both if both[0] <= both[1] else (low, high)
        return Census(self.values, errors, self.digest)

    def matches_error(self, campaign: str) -> int | None:
        """The difference of the matches and the sum of the corrected verdicts.

        None if it is not known because rows change.
        """
        value = {count: self.values[count.of(campaign)] for count in (*_VERDICTS, Count.MATCHES)}
        error = value[Count.MATCHES] - sum(value[verdict] for verdict in _VERDICTS)
        for verdict in _COUNT_OF_STATE.values():
            low, high = self.errors[verdict.of(campaign)]
            if low != high:
                return error if not self.wrong else None
            error += low
        return error


async def examine(ingest: Ingest, project: str, *, repair: bool) -> ExaminationEvents:
    """Compare the counters of every campaign with its rows."""
    ledger = ingest.stores.ledger
    for number, campaign in enumerate(await campaigns(ledger, project), 1):
        yield ExaminationProgress("counters", number)
        census = await count(ledger, project, campaign)
        findings = _describe_errors(project, campaign, census)
        repaired = await _repair(ingest, project, campaign) if findings and repair else set()
        for counter, finding in findings.items():
            yield finding.mark_repaired(counter in repaired)


async def count(ledger: Ledger, project: str, campaign: str) -> Census:
    """Count the rows of a campaign: once if the counters agree, else up to `PASSES` times."""
    census = last = await _count_once(ledger, project, campaign)
    for _ in range(PASSES - 1):
        if census.exact and not census.suspect and not census.matches_error(campaign):
            break
        latest = await _count_once(ledger, project, campaign)
        if latest.digest == last.digest:
            return last.as_exact()
        last, census = latest, latest.intersect(census)
    return census


async def _count_once(ledger: Ledger, project: str, campaign: str) -> Census:
    row_counters = [count.of(campaign) for count in _ROW_COUNTS]
    before = await ledger.counters(project, row_counters)
    rows: Counter[str] = Counter(dict.fromkeys(row_counters, 0))
    digest = sha256()
    async for page in scan_pages(ledger, project, prefix("row", campaign), PAGE * 4):
        for entry in page:
            digest.update(f"{entry.key} {entry.revision}\n".encode())
            _add_row(rows, campaign, decode(Row, entry))
    names = {*rows, *(count.of(campaign) for count in (*_VERDICTS, Count.MATCHES))}
    after = await ledger.counters(project, sorted(names))
    changed = _max_changed_rows(before, after, campaign)
    errors = {
        name: (after[name] - counted - changed, after[name] - counted + changed)
        for name, counted in rows.items()
    }
    return Census(after, errors, digest.digest())


def _add_row(rows: Counter[str], campaign: str, row: Row) -> None:
    rows[_COUNT_OF_STATE[row.state].of(campaign)] += 1
    used = int(row.state is not RowState.NEAR_DUPLICATE)
    rows[Count.BUDGET_USED.of(campaign)] += used
    # Added even if it is 0: then the counter of that day must be 0 too.
    rows[counters.budget_used_on(campaign, row.received_us)] += used
    if row.review in _COUNT_OF_REVIEW:
        rows[_COUNT_OF_REVIEW[row.review].of(campaign)] += 1


def _max_changed_rows(before: Mapping[str, int], after: Mapping[str, int], campaign: str) -> int:
    """The maximum number of rows that were added or changed, by the change of the counters."""
    delta = {count: after[count.of(campaign)] - before[count.of(campaign)] for count in _ROW_COUNTS}
    added = sum(delta[count] for count in _COUNT_OF_STATE.values())
    decided = delta[Count.NEAR_DUPLICATE] + delta[Count.COLLECTED]
    return abs(added) + abs(decided) + sum(abs(delta[count]) for count in _COUNT_OF_REVIEW.values())


async def _repair(ingest: Ingest, project: str, campaign: str) -> set[str]:
    """Correct the counters to match the rows; the names of the corrected ones.

    Rows are counted again while the projector is paused, and the errors are subtracted, so that
    increments by batches in the meantime are kept.
    """
    async with pause_projector(ingest, project) as pause:
        if pause is None:
            return set()
        census = await count(ingest.stores.ledger, project, campaign)
        adds = {name: -low for name, (low, high) in census.wrong.items() if low == high}
        if matches := census.matches_error(campaign):
            adds[Count.MATCHES.of(campaign)] = -matches
        return set(adds) if adds and await pause.commit(adds=adds) else set()


def _describe_errors(project: str, campaign: str, census: Census) -> dict[str, Finding]:
    """The finding of each wrong counter, by the counter's name."""
    name = CampaignName(project, campaign)
    findings = {}
    for counter, (low, high) in sorted(census.wrong.items()):
        actual = census.values[counter]
        subject, expected = f"{name} {_label(counter)}", _range(actual - high, actual - low)
        findings[counter] = Finding(FindingKind.COUNTER, subject, expected, str(actual))
    if error := census.matches_error(campaign):
        counter = Count.MATCHES.of(campaign)
        kind, actual = FindingKind.FUNNEL_SUM, census.values[counter]
        findings[counter] = Finding(kind, f"{name} matches", str(actual - error), str(actual))
    return findings


def _label(counter: str) -> str:
    """The name of a counter without its campaign."""
    kind, _, *day = counter.split("/")
    return " ".join([kind, *day])


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"
