"""A purged campaign leaves its counters, and takes no more matches."""

from __future__ import annotations

import pytest

from services.ingest.batch import Verdict
from services.ingest.campaign_purge import purge_campaign
from services.ingest.counters import Count
from services.records.scanning import scan_pages
from services.records.tombstones import DeletionCounts
from sluice.errors import Unavailable
from tests.unit.campaign.faults import failing
from tests.unit.ingest.doctor.repairs import examine
from tests.unit.ingest.harness import CAMPAIGN, PROJECT, IngestHarness, frame, near
from tests.unit.ingest.tampering import SAMPLES, TENANT


async def fill(harness: IngestHarness) -> None:
    """Two samples and a pending match."""
    batch = harness.batch([(frame("a"), near(0)), (frame("b"), near(1))], override=0.0)
    await harness.submit(1, batch)
    await harness.projector().drain(PROJECT)
    batch = harness.batch([(frame("c"), near(2))], override=0.0)
    await harness.submit(2, batch)


async def read_keys(harness: IngestHarness) -> set[str]:
    """The first segments of all keys of the project."""
    pages = scan_pages(harness.stores.ledger, PROJECT, "")
    return {entry.key.partition("/")[0] async for page in pages for entry in page}


async def test_only_counters_are_left(harness: IngestHarness) -> None:
    """Rows, documents, listings, outbox and points are deleted; the funnel keeps its sums."""
    await fill(harness)

    counts = await purge_campaign(harness.ingest, CAMPAIGN, validate_only=False)

    assert DeletionCounts(samples=3) == counts
    assert {"row", "document", "outbox", "by-score", "by-version"}.isdisjoint(
        await read_keys(harness)
    )
    assert 0 == await harness.stores.vectors.count(SAMPLES, TENANT)
    funnel = (await harness.funnel("c")).counts
    assert (3, 0, 3) == (funnel[Count.MATCHES], funnel[Count.PENDING], funnel[Count.COLLECTED])
    assert [] == await examine(harness)


async def test_a_preview_changes_nothing(harness: IngestHarness) -> None:
    """A preview counts what the purge removes."""
    await fill(harness)

    preview = await purge_campaign(harness.ingest, CAMPAIGN, validate_only=True)

    assert preview == await purge_campaign(harness.ingest, CAMPAIGN, validate_only=False)
    assert DeletionCounts() == await purge_campaign(harness.ingest, CAMPAIGN, validate_only=False)


async def test_a_late_match_is_inactive(harness: IngestHarness) -> None:
    """A batch that was judged before the purge takes no match after it."""
    late = harness.batch([(frame("late"), near(0))], override=0.0)
    await purge_campaign(harness.ingest, CAMPAIGN, validate_only=False)

    assert [Verdict.INACTIVE] == await harness.submit(1, late)
    assert "row" not in await read_keys(harness)
    assert [] == await examine(harness)


async def test_an_interrupted_purge_is_completed(harness: IngestHarness) -> None:
    """A purge that fails while points are deleted is completed when it is requested again."""
    await fill(harness)
    real = harness.ingest
    vectors = failing(harness.stores.vectors, "delete_tenant")
    broken = type(harness.stores)(harness.stores.ledger, vectors, harness.stores.blobs)
    ingest = type(real)(broken, real.active, real.models, now=real.now)
    with pytest.raises(Unavailable):
        await purge_campaign(ingest, CAMPAIGN, validate_only=False)
    assert [] == await examine(harness)

    await purge_campaign(real, CAMPAIGN, validate_only=False)

    assert 0 == await harness.stores.vectors.count(SAMPLES, TENANT)
