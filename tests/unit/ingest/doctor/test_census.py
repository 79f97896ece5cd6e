"""Counters that differ from the rows are repaired; rows that change meanwhile are no difference."""

from __future__ import annotations

import asyncio
from itertools import cycle
from typing import Any

import pytest

from services.doctor.findings import FindingKind
from services.ingest.counters import Count, budget_used_on
from services.ingest.records import Review, row_key
from services.ledger.interface import Entry
from tests.unit.ingest.doctor.repairs import Tamper, assert_repairs, examine
from tests.unit.ingest.harness import CAMPAIGN, IngestHarness
from tests.unit.ingest.tampering import TODAY_US, add_to_counter, send, write_directly


async def raise_collected(harness: IngestHarness) -> None:
    """Count two collected samples too many."""
    await write_directly(harness, COLLECTED=2)


async def lower_budget(harness: IngestHarness) -> None:
    """Count the used budget one too low."""
    await write_directly(harness, BUDGET_USED=-1)


async def raise_daily_budget(harness: IngestHarness) -> None:
    """Count the budget used today five too high."""
    await add_to_counter(harness, budget_used_on("c", TODAY_US), 5)


async def lower_pending(harness: IngestHarness) -> None:
    """Count one pending match too few."""
    await write_directly(harness, PENDING=-1)


async def raise_accepted(harness: IngestHarness) -> None:
    """Count one accepted sample too many."""
    await write_directly(harness, ACCEPTED=1)


async def raise_matches(harness: IngestHarness) -> None:
    """Count one match too many."""
    await write_directly(harness, MATCHES=1)


@pytest.mark.parametrize(
    ("tamper", "kind", "counter"),
    [
        (raise_collected, FindingKind.COUNTER, "collected"),
        (lower_budget, FindingKind.COUNTER, "budget-used"),
        (raise_daily_budget, FindingKind.COUNTER, "budget-used-on 2026-01-01"),
        (lower_pending, FindingKind.COUNTER, "pending"),
        (raise_accepted, FindingKind.COUNTER, "accepted"),
        (raise_matches, FindingKind.FUNNEL_SUM, "matches"),
    ],
)
async def test_a_wrong_counter_is_repaired(
    harness: IngestHarness, tamper: Tamper, kind: FindingKind, counter: str
) -> None:
    """A counter that differs from the rows is the only finding, and is corrected."""
    await assert_repairs(harness, tamper, kind, f"{CAMPAIGN} {counter}")


async def test_a_finding_has_both_counts(harness: IngestHarness) -> None:
    """A counter's finding has the number of rows, and the value of the counter."""
    await raise_collected(harness)
    [finding] = await examine(harness)
    assert ("2", "4") == (finding.expected, finding.actual)


async def test_counters_follow_a_lost_row(harness: IngestHarness) -> None:
    """If a row is lost, the counters are corrected to the remaining rows; the funnel adds up."""
    await write_directly(harness, deletes=(row_key("c", "b"),))
    await examine(harness, repair=True)
    assert [] == await examine(harness)
    counts = (await harness.funnel("c")).counts
    assert (1, 5) == (counts[Count.COLLECTED], counts[Count.MATCHES])


async def test_concurrent_doctors_correct_a_counter_once(harness: IngestHarness) -> None:
    """Doctors that find the same difference do not each subtract it."""
    await raise_collected(harness)
    await asyncio.gather(*(examine(harness, repair=True) for _ in range(3)))
    assert [] == await examine(harness)
    assert 2 == (await harness.funnel("c")).counts[Count.COLLECTED]


async def test_rows_added_during_a_count_are_no_difference(harness: IngestHarness) -> None:
    """A row that is added during each pass does not make a counter wrong."""
    ledger, seqs = type(harness.stores.ledger), iter(range(4, 100))
    real_scan = ledger.scan

    async def scan(self: Any, partition: str, prefix: str, **options: Any) -> list[Entry]:
        page = await real_scan(self, partition, prefix, **options)
        if prefix == "row/c/" and page:
            seq = next(seqs)
            await send(harness, seq, f"c{seq}")
        return page

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "scan", scan)
        assert [] == await examine(harness, repair=True)
    assert next(seqs) > 6


async def test_a_review_taken_back_during_a_count_is_no_difference(harness: IngestHarness) -> None:
    """A sample that is accepted only while rows are read, in each pass, changes no counter."""
    ledger, reviews = type(harness.stores.ledger), cycle([Review.ACCEPTED, Review.UNSORTED])
    real_scan = ledger.scan

    async def scan(self: Any, partition: str, prefix: str, **options: Any) -> list[Entry]:
        if prefix != "row/c/":
            return await real_scan(self, partition, prefix, **options)
        await harness.review(next(reviews), "b")
        page = await real_scan(self, partition, prefix, **options)
        await harness.review(next(reviews), "b")
        return page

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "scan", scan)
        assert [] == await examine(harness, repair=True)
    assert [] == await examine(harness)
