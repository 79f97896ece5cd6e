"""The projector decides every match once, exactly, and loses none on its way to the vectors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.ingest.counters import OUTBOX, Count
from services.ingest.records import DECIDED
from services.ingest.submit import submit
from services.vectors.interface import Collection, Kind, Space
from sluice.scoring import normalise
from tests.unit.ingest.harness import (
    DIMENSION,
    MODEL_ID,
    PROJECT,
    IngestHarness,
    delivery,
    frame,
    open_harness,
    session,
)

EYE = np.eye(DIMENSION, dtype=np.float32)
SAMPLES = Collection(Kind.SAMPLES, Space(PROJECT, MODEL_ID, DIMENSION))


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[IngestHarness]:
    """A world with one campaign, whose one element is the first axis."""
    async with open_harness(tmp_path) as found:
        await found.commit("c", EYE[:1], threshold=0.1)
        yield found


async def send(harness: IngestHarness, seq: int, *vectors: tuple[str, NDArray[np.float32]]) -> None:
    """Submit frames, all of which match."""
    batch = harness.batch([(frame(name), vector) for name, vector in vectors], override=0.0)
    assert len(batch.matches) == len(vectors)
    await submit(harness.ingest, session(), delivery(seq, batch, str(seq)))


async def stored(harness: IngestHarness) -> set[str]:
    """The frames whose samples are in the vector store."""
    points = await harness.stores.vectors.read(SAMPLES, f"{PROJECT}/campaigns/c")
    return {payload["frame_id"] for payload in points.payloads}


async def counts(harness: IngestHarness) -> tuple[int, int, int]:
    """Pending, near duplicates, collected."""
    found = (await harness.funnel("c")).counts
    return found[Count.PENDING], found[Count.NEAR_DUPLICATE], found[Count.COLLECTED]


A = EYE[0] * 4 + EYE[1]
B = EYE[0] * 4 + EYE[2] * 1.5


async def test_twins_in_one_page_and_across_pages(harness: IngestHarness) -> None:
    """The first of two like frames is kept, whether they come together or apart."""
    await send(harness, 1, ("a", A), ("a2", A * 1.01), ("b", B))
    await harness.projector().drain(PROJECT)
    await send(harness, 2, ("b2", B * 0.99))
    await harness.projector().drain(PROJECT)
    assert (0, 2, 2) == await counts(harness)
    assert {"a", "b"} == await stored(harness)


async def test_a_frame_is_no_twin_of_itself(harness: IngestHarness) -> None:
    """A frame that is decided again after a crash is not found to be like itself."""
    await send(harness, 1, ("a", A))
    await harness.projector().drain(PROJECT)
    await send(harness, 2, ("a", A))
    await harness.projector().drain(PROJECT)
    assert (0, 0, 1) == await counts(harness)


async def test_vectors_arrive_as_they_were_sent(harness: IngestHarness) -> None:
    """The stored vector of a sample is the normalised vector that was scored."""
    await send(harness, 1, ("a", A))
    await harness.projector().drain(PROJECT)
    points = await harness.stores.vectors.read(SAMPLES, f"{PROJECT}/campaigns/c")
    np.testing.assert_array_equal(normalise(A[None]), points.vectors)


class Lost(Exception):
    """The vector store is gone."""


@pytest.fixture
def vectors_down(harness: IngestHarness, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The vector store refuses every write, until this is undone."""

    async def refuse(*_: object) -> None:
        raise Lost

    monkeypatch.setattr(type(harness.stores.vectors), "write", refuse)
    return monkeypatch


async def test_decided_but_not_written_is_written_by_the_next(
    harness: IngestHarness, vectors_down: pytest.MonkeyPatch
) -> None:
    """A projector that dies between decision and write leaves nothing undone or done twice."""
    await send(harness, 1, ("a", A), ("b", B))
    with pytest.raises(Lost):
        await harness.projector().drain(PROJECT)
    vectors_down.undo()
    assert (0, 0, 2) == await counts(harness)
    await send(harness, 2, ("a2", A * 1.01))
    harness.clock.advance(timedelta(minutes=1))
    await harness.projector("successor").drain(PROJECT)
    assert {"a", "b"} == await stored(harness)
    assert (0, 1, 2) == await counts(harness)
    outbox = await harness.stores.ledger.counters(PROJECT, [OUTBOX])
    assert {OUTBOX: 0} == outbox
    assert {} == await harness.stores.ledger.get(PROJECT, [DECIDED])


async def test_only_the_holder_of_the_lease_decides(harness: IngestHarness) -> None:
    """A second projector waits until the lease of the first is over."""
    first, second = harness.projector("first"), harness.projector("second")
    await send(harness, 1, ("a", A))
    await first.drain(PROJECT)
    await send(harness, 2, ("b", B))
    held = await second.drain(PROJECT)
    harness.clock.advance(timedelta(minutes=1))
    assert (0, 1) == (held, await second.drain(PROJECT))


async def test_a_holder_that_overslept_decides_nothing(harness: IngestHarness) -> None:
    """A projector that was paused past its lease is fenced off, though its clock stood still."""
    first, second = harness.projector("first"), harness.projector("second")
    await send(harness, 1, ("a", A))
    await first.drain(PROJECT)
    now = harness.clock.time
    harness.clock.advance(timedelta(minutes=1))
    await send(harness, 2, ("b", B))
    await second.drain(PROJECT)
    harness.clock.time = now
    await send(harness, 3, ("b2", B))
    assert 0 == await first.step(PROJECT)
    assert (1, 0, 2) == await counts(harness)


async def test_what_a_successor_kept_is_known_when_the_lease_comes_back(
    harness: IngestHarness,
) -> None:
    """A projector that lost its lease forgets what it remembers, and reads what others kept."""
    first, second = harness.projector("first"), harness.projector("second")
    await send(harness, 1, ("a", A))
    await first.drain(PROJECT)
    harness.clock.advance(timedelta(minutes=1))
    await send(harness, 2, ("b", B))
    await second.drain(PROJECT)
    harness.clock.advance(timedelta(minutes=1))
    await send(harness, 3, ("b2", B))
    await first.step(PROJECT)
    await first.step(PROJECT)
    assert (0, 1, 2) == await counts(harness)


async def test_a_holder_that_oversleeps_while_it_writes_deletes_nothing(
    harness: IngestHarness,
) -> None:
    """A projector fenced off between its write and its end leaves the end to its successor."""
    first, second = harness.projector("first"), harness.projector("second")
    await send(harness, 1, ("a", A))
    write, resume, wrote = type(harness.stores.vectors).write, asyncio.Event(), asyncio.Event()

    async def slow_write(*arguments: Any) -> None:
        await write(*arguments)
        wrote.set()
        await resume.wait()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(harness.stores.vectors), "write", slow_write)
        asleep = asyncio.create_task(first.step(PROJECT))
        await wrote.wait()
    harness.clock.advance(timedelta(minutes=1))
    await second.drain(PROJECT)
    resume.set()
    assert 0 == await asleep
    assert {OUTBOX: 0} == await harness.stores.ledger.counters(PROJECT, [OUTBOX])
    assert (0, 0, 1) == await counts(harness)


async def test_each_basis_decides_its_own(harness: IngestHarness) -> None:
    """A page in which the campaign's basis changes is decided as if it had come in two.

    Without a basis the frames are all alike; in the basis of frames like them they are not.
    """
    twins = EYE[0] * 20 + EYE[1], EYE[0] * 20 - EYE[1], EYE[0] * 20 - EYE[1] * 1.01
    await send(harness, 1, ("a", twins[0]), ("a2", twins[0]))
    noise = np.random.default_rng(0).normal(size=(64, DIMENSION)).astype("f4")
    await harness.set_background(EYE[0] * 20 + noise)
    await harness.commit("c", EYE[:1])
    await send(harness, 2, ("unlike", twins[1]), ("alike", twins[2]))
    await harness.projector().drain(PROJECT)
    assert (0, 2, 2) == await counts(harness)
    assert {"a", "unlike"} == await stored(harness)
