"""Deleted samples and frames leave nothing but what the counters follow from."""

from __future__ import annotations

import pytest

from services.ingest.batch import Verdict
from services.ingest.counters import Count
from services.ingest.deletion import delete_samples, purge_frames
from services.ingest.records import Row, RowState, row_key
from services.ingest.samples import get_sample
from services.ledger.interface import Ledger
from services.records.records import decode
from services.records.scanning import scan_pages
from services.records.tombstones import DeletionCounts
from sluice.errors import NotFound, Unavailable
from sluice.names import ProjectName, SampleName
from sluice.scoring import normalise
from tests.unit.campaign.faults import failing
from tests.unit.ingest.doctor.repairs import examine
from tests.unit.ingest.harness import CAMPAIGN, PROJECT, IngestHarness, frame, near
from tests.unit.ingest.tampering import SAMPLES, TENANT

NAME = ProjectName(PROJECT)


async def collect(harness: IngestHarness, *frame_ids: str) -> None:
    """Submit frames in a session each, and collect them."""
    for index, frame_id in enumerate(frame_ids):
        batch = harness.batch([(frame(frame_id, device="camera-7"), near(index))], override=0.0)
        await harness.submit(1, batch, frame_id)
    await harness.projector().drain(PROJECT)


async def search(ledger: Ledger, content: bytes) -> list[str]:
    """The keys of the entries that hold some bytes."""
    pages = scan_pages(ledger, PROJECT, "")
    return [entry.key async for page in pages for entry in page if content in entry.value]


async def test_a_deleted_sample_is_gone_and_stays_counted(harness: IngestHarness) -> None:
    """Document, listings and vector are deleted; the funnel stays, and the doctor is quiet."""
    await collect(harness, "a", "b")
    before = await harness.funnel("c")

    counts = await delete_samples(harness.ingest, CAMPAIGN, ["a"], validate_only=False)

    assert DeletionCounts(samples=1) == counts
    with pytest.raises(NotFound):
        await get_sample(harness.ingest, SampleName(PROJECT, "c", "a"))
    points = await harness.stores.vectors.read(SAMPLES, TENANT)
    assert ["b"] == [payload["frame_id"] for payload in points.payloads]
    assert before == await harness.funnel("c")
    assert [] == await examine(harness)


async def test_a_preview_deletes_nothing(harness: IngestHarness) -> None:
    """With `validate_only` the answer is the same, and the sample stays."""
    await collect(harness, "a")

    preview = await delete_samples(harness.ingest, CAMPAIGN, ["a"], validate_only=True)
    purge = await purge_frames(harness.ingest, NAME, ["a"], validate_only=True)

    await get_sample(harness.ingest, SampleName(PROJECT, "c", "a"))
    assert preview == purge
    assert preview == await delete_samples(harness.ingest, CAMPAIGN, ["a"], validate_only=False)


async def test_a_missing_sample_cannot_be_deleted(harness: IngestHarness) -> None:
    """A frame that was never a sample is named, and no other sample is deleted."""
    await collect(harness, "a")

    with pytest.raises(NotFound, match="'x' is not a sample"):
        await delete_samples(harness.ingest, CAMPAIGN, ["a", "x"], validate_only=False)

    await get_sample(harness.ingest, SampleName(PROJECT, "c", "a"))


async def test_a_purged_frame_is_never_collected_again(harness: IngestHarness) -> None:
    """A deleted frame is a duplicate in every campaign, also where it was never seen."""
    await collect(harness, "a")
    await purge_frames(harness.ingest, NAME, ["a", "unseen"], validate_only=False)

    again = harness.batch([(frame("a"), near(0)), (frame("unseen"), near(1))], override=0.0)

    assert [Verdict.DUPLICATE] * 2 == await harness.submit(1, again, "again")
    assert 0 == (await harness.funnel("c")).counts[Count.ID_CONFLICTS]
    assert [] == await examine(harness)


async def test_a_pending_match_is_purged(harness: IngestHarness) -> None:
    """A match that is not decided yet counts as collected, and its outbox entry is deleted."""
    batch = harness.batch([(frame("a", device="camera-7"), near(0))], override=0.0)
    await harness.submit(1, batch)

    counts = await purge_frames(harness.ingest, NAME, ["a"], validate_only=False)

    assert DeletionCounts(samples=1) == counts
    assert 0 == await harness.projector().drain(PROJECT)
    funnel = (await harness.funnel("c")).counts
    assert (0, 1) == (funnel[Count.PENDING], funnel[Count.COLLECTED])
    assert [] == await search(harness.stores.ledger, b"camera-7")
    assert [] == await search(harness.stores.ledger, normalise(near(0)[None]).tobytes())
    assert [] == await examine(harness)


async def test_a_decided_match_is_purged_before_it_is_written(harness: IngestHarness) -> None:
    """A projector that died before it wrote a sample does not write it after its deletion."""
    batch = harness.batch([(frame("a"), near(0)), (frame("b"), near(1))], override=0.0)
    await harness.submit(1, batch)
    real, vectors = harness.ingest, failing(harness.stores.vectors, "write")
    harness.stores = type(harness.stores)(harness.stores.ledger, vectors, harness.stores.blobs)
    harness.ingest = type(real)(harness.stores, real.active, real.models, now=real.now)
    with pytest.raises(Unavailable):
        await harness.projector().step(PROJECT)

    await purge_frames(harness.ingest, NAME, ["a"], validate_only=False)
    await harness.projector().drain(PROJECT)

    points = await harness.stores.vectors.read(SAMPLES, TENANT)
    assert ["b"] == [payload["frame_id"] for payload in points.payloads]
    assert [] == await examine(harness)


async def test_an_interrupted_purge_is_completed(harness: IngestHarness) -> None:
    """A purge that fails while points are deleted is completed when it is requested again."""
    await collect(harness, "a")
    real = harness.ingest
    broken = type(harness.stores)(
        harness.stores.ledger, failing(harness.stores.vectors, "delete"), harness.stores.blobs
    )
    ingest = type(real)(broken, real.active, real.models, now=real.now)
    with pytest.raises(Unavailable):
        await purge_frames(ingest, NAME, ["a"], validate_only=False)

    counts = await purge_frames(real, NAME, ["a"], validate_only=False)

    assert DeletionCounts(samples=1) == counts
    assert 0 == await harness.stores.vectors.count(SAMPLES, TENANT)
    assert [] == await examine(harness)


async def test_the_row_keeps_nothing_of_the_frame(harness: IngestHarness) -> None:
    """Score, time, device and session are purged; the state stays."""
    await collect(harness, "a")
    await purge_frames(harness.ingest, NAME, ["a"], validate_only=False)

    key = row_key("c", "a")
    row = decode(Row, (await harness.stores.ledger.get(PROJECT, [key]))[key])

    assert (RowState.COLLECTED, 0.0, "", None) == (
        row.state,
        row.score,
        row.device,
        row.captured_us,
    )
