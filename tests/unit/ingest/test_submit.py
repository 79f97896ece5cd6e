"""The outcome of a batch, and which errors leave its number open."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from services.ingest import submit as submit_module
from services.ingest.counters import Count
from services.ingest.submit import start, submit
from sluice import errors
from tests.unit.ingest.harness import (
    EYE,
    IngestHarness,
    delivery,
    frame,
    near,
    session,
)


async def test_start_returns_the_next_number(harness: IngestHarness) -> None:
    """A session continues after its last acknowledged batch."""
    before = await start(harness.ingest, session())
    await harness.submit(1, harness.batch([(frame("f"), EYE[5])]))
    assert (1, 2) == (before, await start(harness.ingest, session()))


async def test_unknown_project_cannot_start(harness: IngestHarness) -> None:
    """A session of a project that does not exist is NOT_FOUND."""
    with pytest.raises(errors.NotFound, match="nowhere"):
        await start(harness.ingest, replace(session(), project="nowhere"))


async def test_a_full_outbox_leaves_the_number_open(harness: IngestHarness) -> None:
    """If the outbox is full, the error is retryable, and nothing of the batch is counted."""
    harness.ingest = replace(harness.ingest, outbox_entries_max=1)
    batch = harness.batch([(frame("f"), near(0)), (frame("g"), near(1))])
    with pytest.raises(errors.Unavailable) as raised:
        await submit(harness.ingest, session(), delivery(1, batch))
    assert raised.value.retry_after_s is not None
    assert 1 == await start(harness.ingest, session())
    assert 0 == (await harness.funnel("c")).counts[Count.SEEN]


async def test_a_batch_sent_on_two_streams_counts_once(harness: IngestHarness) -> None:
    """Concurrent streams of one session that send the same batch get the same outcome."""
    await harness.submit_extremes()
    sent = delivery(1, harness.batch([(frame("x"), EYE[5])]))
    harness.synchronise_commits(2)
    first, second = await asyncio.gather(
        submit(harness.ingest, session(), sent), submit(harness.ingest, session(), sent)
    )
    assert first == second
    assert 2 + 1 == (await harness.funnel("c")).counts[Count.SEEN]


async def test_repeated_conflicts_end_in_aborted(
    harness: IngestHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that cannot be committed on a current reading is left open for a retry."""
    monkeypatch.setattr(submit_module, "COMMIT_ATTEMPTS", 0)
    with pytest.raises(errors.Aborted, match="conflicted"):
        await submit(harness.ingest, session(), delivery(1, harness.batch([(frame("f"), near(0))])))
