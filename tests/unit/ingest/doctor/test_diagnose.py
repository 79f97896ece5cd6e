"""A diagnosis of a healthy project has no findings, also while the project is in use."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import count, takewhile

import numpy as np
import pytest

from services.ingest.counters import Count
from services.ingest.doctor.diagnose import diagnose
from services.ingest.records import Review
from services.ingest.submit import submit
from sluice import errors
from sluice.names import ProjectName
from tests.unit.ingest.doctor.repairs import examine
from tests.unit.ingest.harness import (
    DIMENSION,
    PROJECT,
    IngestHarness,
    delivery,
    frame,
    session,
)


async def test_a_healthy_project_has_no_findings(harness: IngestHarness) -> None:
    """After collecting, rejecting and reviewing, with matches still pending, nothing differs."""
    counts = (await harness.funnel("c")).counts
    assert (1, 2, 2, 1, 1) == tuple(
        counts[count]
        for count in (
            Count.PENDING,
            Count.NEAR_DUPLICATE,
            Count.COLLECTED,
            Count.DUPLICATE,
            Count.ACCEPTED,
        )
    )
    assert [] == await examine(harness)
    assert [] == await examine(harness, repair=True)


async def test_an_unknown_project_is_not_found(harness: IngestHarness) -> None:
    """A project that does not exist is NOT_FOUND."""
    with pytest.raises(errors.NotFound):
        async for _ in diagnose(harness.ingest, ProjectName("none"), repair=False):
            pass


async def test_a_busy_project_has_no_findings(harness: IngestHarness) -> None:
    """While frames are submitted, decided, written and reviewed, nothing differs."""
    await harness.projector().drain(PROJECT)
    random, done = np.random.default_rng(5), asyncio.Event()

    async def submit_frames(name: str) -> None:
        for seq in takewhile(lambda _: not done.is_set(), count(1)):
            vectors = [
                (frame(f"{name}-{seq % 60}-{i}"), random.normal(size=DIMENSION).astype("f4"))
                for i in range(10)
            ]
            batch = harness.batch(vectors, override=0.0)
            await submit(harness.ingest, session(name), delivery(seq, batch, str(seq)))

    async def run_projector() -> None:
        projector = harness.projector()
        while not done.is_set():
            await projector.step(PROJECT)
            await asyncio.sleep(0)

    async def review_frame() -> None:
        while not done.is_set():
            for review in (Review.DISCARDED, Review.UNSORTED):
                await harness.review(review, "b")
            await asyncio.sleep(0)

    jobs = [run_projector(), review_frame(), submit_frames("s1"), submit_frames("s2")]
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        for number in range(6):
            assert [] == await examine(harness, repair=number % 2 == 1)
        assert not any(task.done() for task in tasks)
    finally:
        done.set()
        await asyncio.gather(*tasks)
    harness.clock.advance(timedelta(minutes=1))
    await harness.projector("successor").drain(PROJECT)
    assert [] == await examine(harness)
    assert 0 == (await harness.funnel("c")).counts[Count.PENDING]
