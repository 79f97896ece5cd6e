"""Batches that share a transaction get the outcomes that each would get alone."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.batch import Delivery, Verdict
from services.ingest.counters import Count
from services.ingest.funnel import Funnel
from services.ingest.records import BatchOutcome
from services.ingest.submit import start, submit, submit_group
from services.peers.active import Budget
from sluice import errors
from tests.unit.ingest.harness import (
    DIMENSION,
    IngestHarness,
    delivery,
    frame,
    open_harness,
    session,
)

EYE = np.eye(DIMENSION, dtype=np.float32)
RANDOM = np.random.default_rng(3)
VECTORS = (
    EYE[0] * 3 + RANDOM.normal(size=(12, DIMENSION)) * np.linspace(0, 1.6, 12)[:, None]
).astype("f4")

batches = st.lists(
    st.lists(st.integers(0, 11), min_size=1, max_size=6, unique=True), min_size=2, max_size=4
)
budgets = st.sampled_from([Budget(), Budget(total=3), Budget(total=9, per_day=2)])


@asynccontextmanager
async def new_harness(budget: Budget | None = None) -> AsyncIterator[IngestHarness]:
    """A harness with one campaign, which has the first axis as its one element."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_harness(Path(folder)) as harness:
            await harness.commit("c", EYE[:1], budget=budget)
            yield harness


def deliveries(
    harness: IngestHarness, groups: Sequence[Sequence[int]], device: str
) -> list[Delivery]:
    """A batch of each group of frames; those of the first batch have the given device."""
    batches = []
    for seq, group in enumerate(groups, 1):
        frames = [(frame(f"f{i}", device=device if seq == 1 else "cam"), VECTORS[i]) for i in group]
        batches.append(delivery(seq, harness.batch(frames), str(group)))
    return batches


@settings(max_examples=20)
@given(groups=batches, budget=budgets, device=st.sampled_from(["cam", "other"]))
def test_a_group_has_the_outcomes_of_single_batches(
    groups: list[list[int]], budget: Budget, device: str
) -> None:
    """Duplicates, budgets, id conflicts and extremes do not depend on the grouping."""

    async def submit_all(*, together: bool) -> tuple[list[BatchOutcome], Funnel]:
        async with new_harness(budget) as harness:
            sent = deliveries(harness, groups, device)
            if together:
                outcomes = await submit_group(harness.ingest, session(), sent)
            else:
                outcomes = [await submit(harness.ingest, session(), delivery) for delivery in sent]
            return outcomes, await harness.funnel("c")

    assert asyncio.run(submit_all(together=False)) == asyncio.run(submit_all(together=True))


async def test_a_full_outbox_rejects_the_whole_group() -> None:
    """If the group exceeds the outbox, nothing is taken; the first batch alone is."""
    async with new_harness() as harness:
        ingest = replace(harness.ingest, outbox_entries_max=2)
        sent = deliveries(harness, [[0], [1], [2]], "cam")
        with pytest.raises(errors.Unavailable, match="2 matches wait"):
            await submit_group(ingest, session(), sent)
        assert (0, 1) == (
            (await harness.funnel("c")).counts[Count.SEEN],
            await start(ingest, session()),
        )
        outcome = await submit(ingest, session(), sent[0])
        assert [Verdict.PENDING] == list(outcome.verdicts)


async def test_a_number_with_an_outcome_rejects_the_whole_group() -> None:
    """If the first batch was submitted meanwhile, none of the group is taken."""
    async with new_harness() as harness:
        sent = deliveries(harness, [[0], [1]], "cam")
        await submit(harness.ingest, session(), sent[0])
        with pytest.raises(errors.Aborted, match="batch 1 already has an outcome"):
            await submit_group(harness.ingest, session(), sent)
        funnel = await harness.funnel("c")
        assert (1, 2) == (funnel.counts[Count.SEEN], await start(harness.ingest, session()))


async def test_a_retryable_error_leaves_all_numbers_open() -> None:
    """A retryable error of one batch leaves all numbers of the group open."""
    async with new_harness() as harness:
        sent = deliveries(harness, [[0], [1]], "cam")

        def fail() -> None:
            raise errors.Unavailable("away")

        sent[1] = replace(sent[1], read=fail)  # type: ignore[arg-type]
        with pytest.raises(errors.Unavailable, match="away"):
            await submit_group(harness.ingest, session(), sent)
        assert 1 == await start(harness.ingest, session())
