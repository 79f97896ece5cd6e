"""The projector decides every match once, and loses no sample on its way to the vector store."""

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
    """A harness with one campaign of a low threshold."""
    async with open_harness(tmp_path) as harness:
        await harness.commit("c", EYE[:1], threshold=0.1)
        yield harness


async def send(harness: IngestHarness, seq: int, *vectors: tuple[str, NDArray[np.float32]]) -> None:
    """Submit frames, all of which match."""
    batch = harness.batch([(frame(name), vector) for name, vector in vectors], override=0.0)
    assert len(batch.matches) == len(vectors)
    await submit(harness.ingest, session(), delivery(seq, batch, str(seq)))


async def read_stored(harness: IngestHarness) -> set[str]:
    """The frames whose samples are in the vector store."""
    points = await harness.stores.vectors.read(SAMPLES, f"{PROJECT}/campaigns/c")
    return {payload["frame_id"] for payload in points.payloads}


async def read_counts(harness: IngestHarness) -> tuple[int, int, int]:
    """Pending, near duplicates, collected."""
    counts = (await harness.funnel("c")).counts
    return counts[Count.PENDING], counts[Count.NEAR_DUPLICATE], counts[Count.COLLECTED]


A = EYE[0] * 4 + EYE[1]
B = EYE[0] * 4 + EYE[2] * 1.5


async def test_near_duplicates_in_one_page_and_across_pages(harness: IngestHarness) -> None:
    """The first of two similar frames is kept, in one page or in two."""
    await send(harness, 1, ("a", A), ("a2", A * 1.01), ("b", B))
    await harness.projector().drain(PROJECT)
    await send(harness, 2, ("b2", B * 0.99))
    await harness.projector().drain(PROJECT)
    assert (0, 2, 2) == await read_counts(harness)
    assert {"a", "b"} == await read_stored(harness)


async def test_a_frame_is_not_its_own_near_duplicate(harness: IngestHarness) -> None:
    """A frame that is submitted again is not compared with itself."""
    await send(harness, 1, ("a", A))
    await harness.projector().drain(PROJECT)
    await send(harness, 2, ("a", A))
    await harness.projector().drain(PROJECT)
    assert (0, 0, 1) == await read_counts(harness)


async def test_vectors_are_stored_normalised(harness: IngestHarness) -> None:
    """The stored vector of a sample is the normalised vector that was scored."""
    await send(harness, 1, ("a", A))
    await harness.projector().drain(PROJECT)
    points = await harness.stores.vectors.read(SAMPLES, f"{PROJECT}/campaigns/c")
    np.testing.assert_array_equal(normalise(A[None]), points.vectors)


class WriteError(Exception):
    """The vector store rejects a write."""


@pytest.fixture
def vectors_down(harness: IngestHarness, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Make the vector store reject every write, until the patch is undone."""

    async def fail(*_: object) -> None:
        raise WriteError

    monkeypatch.setattr(type(harness.stores.vectors), "write", fail)
    return monkeypatch


async def test_decided_samples_are_written_by_the_next_projector(
    harness: IngestHarness, vectors_down: pytest.MonkeyPatch
) -> None:
    """If a projector dies between decision and write, its samples are written and counted once."""
    await send(harness, 1, ("a", A), ("b", B))
    with pytest.raises(WriteError):
        await harness.projector().drain(PROJECT)
    vectors_down.undo()
    assert (0, 0, 2) == await read_counts(harness)
    await send(harness, 2, ("a2", A * 1.01))
    harness.clock.advance(timedelta(minutes=1))
    await harness.projector("successor").drain(PROJECT)
    assert {"a", "b"} == await read_stored(harness)
    assert (0, 1, 2) == await read_counts(harness)
    outbox = await harness.stores.ledger.counters(PROJECT, [OUTBOX])
    assert {OUTBOX: 0} == outbox
    assert {} == await harness.stores.ledger.get(PROJECT, [DECIDED])


async def test_only_the_holder_of_the_lease_decides(harness: IngestHarness) -> None:
    """A second projector waits until the lease of the first has expired."""
    first, second = harness.projector("first"), harness.projector("second")
    await send(harness, 1, ("a", A))
    await first.drain(PROJECT)
    await send(harness, 2, ("b", B))
    decided = await second.drain(PROJECT)
    harness.clock.advance(timedelta(minutes=1))
    assert (0, 1) == (decided, await second.drain(PROJECT))


async def test_a_paused_holder_decides_nothing(harness: IngestHarness) -> None:
    """A projector that was paused past its lease is fenced off, even if its clock stood still."""
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
    assert (1, 0, 2) == await read_counts(harness)


async def test_samples_of_a_successor_are_read_when_the_lease_returns(
    harness: IngestHarness,
) -> None:
    """A projector that lost its lease drops its cache, and reads the samples that others kept."""
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
    assert (0, 1, 2) == await read_counts(harness)


async def test_a_holder_paused_during_its_write_deletes_nothing(
    harness: IngestHarness,
) -> None:
    """A projector that is fenced off after its write leaves the entries to its successor."""
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
    assert (0, 0, 1) == await read_counts(harness)


async def test_matches_are_compared_in_their_own_basis(harness: IngestHarness) -> None:
    """A page in which the campaign's basis changes is decided as two pages.

    Without a basis all frames are near duplicates; in the basis of similar frames they are not.
    """
    twins = EYE[0] * 20 + EYE[1], EYE[0] * 20 - EYE[1], EYE[0] * 20 - EYE[1] * 1.01
    await send(harness, 1, ("a", twins[0]), ("a2", twins[0]))
    noise = np.random.default_rng(0).normal(size=(64, DIMENSION)).astype("f4")
    await harness.set_background(EYE[0] * 20 + noise)
    await harness.commit("c", EYE[:1])
    await send(harness, 2, ("unlike", twins[1]), ("alike", twins[2]))
    await harness.projector().drain(PROJECT)
    assert (0, 2, 2) == await read_counts(harness)
    assert {"a", "unlike"} == await read_stored(harness)
