"""Batches that share a transaction become what they would have become one after the other."""

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
async def new_world(budget: Budget | None = None) -> AsyncIterator[IngestHarness]:
    """A world with one campaign, which looks for what is near the first axis."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_harness(Path(folder)) as found:
            await found.commit("c", EYE[:1], budget=budget)
            yield found


def deliveries(
    harness: IngestHarness, groups: Sequence[Sequence[int]], device: str
) -> list[Delivery]:
    """A batch for each group of frames, the first of them of another device than the others."""
    made = []
    for seq, group in enumerate(groups, 1):
        frames = [(frame(f"f{i}", device=device if seq == 1 else "cam"), VECTORS[i]) for i in group]
        made.append(delivery(seq, harness.batch(frames), str(group)))
    return made


@settings(max_examples=20)
@given(groups=batches, budget=budgets, device=st.sampled_from(["cam", "other"]))
def test_together_is_as_one_after_the_other(
    groups: list[list[int]], budget: Budget, device: str
) -> None:
    """Duplicates, budgets, conflicting ids and extremes are the same, whatever the batches hold."""

    async def outcomes(*, together: bool) -> tuple[list[BatchOutcome], Funnel]:
        async with new_world(budget) as harness:
            sent = deliveries(harness, groups, device)
            if together:
                answers = await submit_group(harness.ingest, session(), sent)
            else:
                answers = [await submit(harness.ingest, session(), each) for each in sent]
            return answers, await harness.funnel("c")

    assert asyncio.run(outcomes(together=False)) == asyncio.run(outcomes(together=True))


async def test_one_that_does_not_fit_keeps_out_all() -> None:
    """Over the outbox's bound nothing is taken; alone, the first of them is."""
    async with new_world() as harness:
        ingest = replace(harness.ingest, outbox_entries_max=2)
        sent = deliveries(harness, [[0], [1], [2]], "cam")
        with pytest.raises(errors.Unavailable, match="2 matches wait"):
            await submit_group(ingest, session(), sent)
        assert (0, 1) == (
            (await harness.funnel("c")).counts[Count.SEEN],
            await start(ingest, session()),
        )
        answer = await submit(ingest, session(), sent[0])
        assert [Verdict.PENDING] == list(answer.verdicts)


async def test_a_number_that_has_an_outcome_keeps_out_all() -> None:
    """What somebody else has submitted meanwhile is not taken again, nor what follows it."""
    async with new_world() as harness:
        sent = deliveries(harness, [[0], [1]], "cam")
        await submit(harness.ingest, session(), sent[0])
        with pytest.raises(errors.Aborted, match="batch 1 already has an outcome"):
            await submit_group(harness.ingest, session(), sent)
        funnel = await harness.funnel("c")
        assert (1, 2) == (funnel.counts[Count.SEEN], await start(harness.ingest, session()))


async def test_an_unreadable_model_leaves_all_open() -> None:
    """A refusal that leaves one number open leaves all of them open."""
    async with new_world() as harness:
        sent = deliveries(harness, [[0], [1]], "cam")

        def away() -> None:
            raise errors.Unavailable("away")

        sent[1] = replace(sent[1], read=away)  # type: ignore[arg-type]
        with pytest.raises(errors.Unavailable, match="away"):
            await submit_group(harness.ingest, session(), sent)
        assert 1 == await start(harness.ingest, session())
