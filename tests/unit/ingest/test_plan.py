"""Planning a batch: duplicates, budgets and conflicts between sessions."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import numpy as np

from services.ingest.batch import Verdict
from services.ingest.counters import Count
from services.ingest.submit import submit
from services.peers.active import Budget
from tests.unit.ingest.harness import (
    EYE,
    NOON,
    PROJECT,
    IngestHarness,
    delivery,
    frame,
    near,
    session,
)


async def test_a_collected_frame_is_a_duplicate_in_every_version(harness: IngestHarness) -> None:
    """A campaign collects a frame once, also after a new version."""
    first = await harness.submit(1, harness.batch([(frame("f"), near(0))]))
    await harness.commit("c", np.stack([EYE[0], near(3)]))
    second = await harness.submit(2, harness.batch([(frame("f"), near(0))], override=0.1))
    assert ([Verdict.PENDING], [Verdict.DUPLICATE]) == (first, second)


async def test_a_duplicate_with_another_time_is_an_id_conflict(harness: IngestHarness) -> None:
    """A duplicate id with another capture time is named and counted as a conflict."""
    await harness.submit(1, harness.batch([(frame("f"), near(0))]))
    later = frame("f", capture_time=NOON + timedelta(seconds=1))
    sent = delivery(2, harness.batch([(later, near(0))]))
    outcome = await submit(harness.ingest, session(), sent)
    counts = (await harness.funnel("c")).counts
    assert ("f",) == outcome.id_conflicts
    assert (1, 1) == (counts[Count.DUPLICATE], counts[Count.ID_CONFLICTS])


async def test_matches_beyond_the_budget_are_over_budget(harness: IngestHarness) -> None:
    """Matches beyond the total or the daily budget are over budget; a new UTC day has a new one."""
    await harness.commit("d", EYE[:1], budget=Budget(total=4, per_day=3))
    judged = [("d", 1)]
    batch = harness.batch([(frame(f"f{i}"), near(i)) for i in range(5)], judged)
    today = await harness.submit(1, batch)
    harness.clock.advance(timedelta(days=1))
    tomorrow = await harness.submit(2, batch)
    assert [Verdict.PENDING] * 3 + [Verdict.OVER_BUDGET] * 2 == today
    assert [Verdict.DUPLICATE] * 3 + [Verdict.PENDING, Verdict.OVER_BUDGET] == tomorrow


async def test_concurrent_sessions_do_not_exceed_the_budget(
    harness: IngestHarness,
) -> None:
    """If several sessions read a remaining budget of one, one of them takes it."""
    await harness.commit("d", EYE[:1], budget=Budget(total=1))
    batches = [harness.batch([(frame(f"f{i}"), near(i))], [("d", 1)]) for i in range(4)]
    harness.synchronise_commits(4)
    verdicts = await asyncio.gather(
        *(harness.submit(1, batch, f"s{i}") for i, batch in enumerate(batches))
    )
    assert [Verdict.OVER_BUDGET] * 3 + [Verdict.PENDING] == sorted(
        (verdict for [verdict] in verdicts), reverse=True
    )


async def test_a_near_duplicate_refunds_its_budget(harness: IngestHarness) -> None:
    """The budget of a near duplicate is available to a later frame."""
    await harness.commit("d", EYE[:1], budget=Budget(total=2))
    judged = [("d", 1)]
    twins = harness.batch([(frame("f"), near(0)), (frame("twin"), near(0))], judged)
    await harness.submit(1, twins)
    await harness.projector().drain(PROJECT)
    assert [Verdict.PENDING] == await harness.submit(
        2, harness.batch([(frame("g"), near(1))], judged)
    )


async def test_concurrent_sessions_take_a_frame_once(harness: IngestHarness) -> None:
    """If many sessions submit one frame at once, it is a duplicate in all but one."""
    await harness.submit_extremes()
    batch = harness.batch([(frame("f"), near(0))])
    harness.synchronise_commits(12)
    verdicts = await asyncio.gather(*(harness.submit(1, batch, f"s{i}") for i in range(12)))
    assert [Verdict.DUPLICATE] * 11 + [Verdict.PENDING] == sorted(
        (verdict for [verdict] in verdicts), reverse=True
    )
    assert 1 + 12 == (await harness.funnel("c")).counts[Count.MATCHES]
