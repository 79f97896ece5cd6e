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
from services.ingest.near_duplicates import SIMILARITY_MIN, KeptSamples
from services.ingest.records import DECIDED
from services.ingest.submit import submit
from services.vectors.interface import Collection, Kind, Space
from sluice.scoring import normalise
from tests.unit.ingest.world import (
    DIMENSION,
    MODEL_ID,
    PROJECT,
    World,
    delivery,
    frame,
    session,
    world,
)

EYE = np.eye(DIMENSION, dtype=np.float32)
SAMPLES = Collection(Kind.SAMPLES, Space(PROJECT, MODEL_ID, DIMENSION))


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    """A world with one campaign, whose one element is the first axis."""
    async with world(tmp_path) as found:
        await found.commit("c", EYE[:1], threshold=0.1)
        yield found


async def send(here: World, seq: int, *vectors: tuple[str, NDArray[np.float32]]) -> None:
    """Submit frames, all of which match."""
    batch = here.batch([(frame(name), vector) for name, vector in vectors], override=0.0)
    assert len(batch.matches) == len(vectors)
    await submit(here.ingest, session(), delivery(seq, batch, str(seq)))


async def stored(here: World) -> set[str]:
    """The frames whose samples are in the vector store."""
    points = await here.stores.vectors.read(SAMPLES, f"{PROJECT}/campaigns/c")
    return {payload["frame_id"] for payload in points.payloads}


async def counts(here: World) -> tuple[int, int, int]:
    """Pending, near duplicates, collected."""
    found = (await here.funnel("c")).counts
    return found[Count.PENDING], found[Count.NEAR_DUPLICATE], found[Count.COLLECTED]


A = EYE[0] * 4 + EYE[1]
B = EYE[0] * 4 + EYE[2] * 1.5


async def test_twins_in_one_page_and_across_pages(here: World) -> None:
    """The first of two like frames is kept, whether they come together or apart."""
    await send(here, 1, ("a", A), ("a2", A * 1.01), ("b", B))
    await here.projector().drain(PROJECT)
    await send(here, 2, ("b2", B * 0.99))
    await here.projector().drain(PROJECT)
    assert (0, 2, 2) == await counts(here)
    assert {"a", "b"} == await stored(here)


async def test_a_frame_is_no_twin_of_itself(here: World) -> None:
    """A frame that is decided again after a crash is not found to be like itself."""
    await send(here, 1, ("a", A))
    await here.projector().drain(PROJECT)
    await send(here, 2, ("a", A))
    await here.projector().drain(PROJECT)
    assert (0, 0, 1) == await counts(here)


async def test_vectors_arrive_as_they_were_sent(here: World) -> None:
    """The stored vector of a sample is the normalised vector that was scored."""
    await send(here, 1, ("a", A))
    await here.projector().drain(PROJECT)
    points = await here.stores.vectors.read(SAMPLES, f"{PROJECT}/campaigns/c")
    np.testing.assert_array_equal(normalise(A[None]), points.vectors)


class Lost(Exception):
    """The vector store is gone."""


@pytest.fixture
def vectors_down(here: World, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The vector store refuses every write, until this is undone."""

    async def refuse(*_: object) -> None:
        raise Lost

    monkeypatch.setattr(type(here.stores.vectors), "write", refuse)
    return monkeypatch


async def test_decided_but_not_written_is_written_by_the_next(
    here: World, vectors_down: pytest.MonkeyPatch
) -> None:
    """A projector that dies between decision and write leaves nothing undone or done twice."""
    await send(here, 1, ("a", A), ("b", B))
    with pytest.raises(Lost):
        await here.projector().drain(PROJECT)
    vectors_down.undo()
    assert (0, 0, 2) == await counts(here)
    await send(here, 2, ("a2", A * 1.01))
    here.clock.advance(timedelta(minutes=1))
    await here.projector("successor").drain(PROJECT)
    assert {"a", "b"} == await stored(here)
    assert (0, 1, 2) == await counts(here)
    outbox = await here.stores.ledger.counters(PROJECT, [OUTBOX])
    assert {OUTBOX: 0} == outbox
    assert {} == await here.stores.ledger.get(PROJECT, [DECIDED])


async def test_only_the_holder_of_the_lease_decides(here: World) -> None:
    """A second projector waits until the lease of the first is over."""
    first, second = here.projector("first"), here.projector("second")
    await send(here, 1, ("a", A))
    await first.drain(PROJECT)
    await send(here, 2, ("b", B))
    held = await second.drain(PROJECT)
    here.clock.advance(timedelta(minutes=1))
    assert (0, 1) == (held, await second.drain(PROJECT))


async def test_a_holder_that_overslept_decides_nothing(here: World) -> None:
    """A projector that was paused past its lease is fenced off, though its clock stood still."""
    first, second = here.projector("first"), here.projector("second")
    await send(here, 1, ("a", A))
    await first.drain(PROJECT)
    now = here.clock.time
    here.clock.advance(timedelta(minutes=1))
    await send(here, 2, ("b", B))
    await second.drain(PROJECT)
    here.clock.time = now
    await send(here, 3, ("b2", B))
    assert 0 == await first.step(PROJECT)
    assert (1, 0, 2) == await counts(here)


async def test_what_a_successor_kept_is_known_when_the_lease_comes_back(here: World) -> None:
    """A projector that lost its lease forgets what it remembers, and reads what others kept."""
    first, second = here.projector("first"), here.projector("second")
    await send(here, 1, ("a", A))
    await first.drain(PROJECT)
    here.clock.advance(timedelta(minutes=1))
    await send(here, 2, ("b", B))
    await second.drain(PROJECT)
    here.clock.advance(timedelta(minutes=1))
    await send(here, 3, ("b2", B))
    await first.step(PROJECT)
    await first.step(PROJECT)
    assert (0, 1, 2) == await counts(here)


async def test_a_holder_that_oversleeps_while_it_writes_deletes_nothing(here: World) -> None:
    """A projector fenced off between its write and its end leaves the end to its successor."""
    first, second = here.projector("first"), here.projector("second")
    await send(here, 1, ("a", A))
    write, resume, wrote = type(here.stores.vectors).write, asyncio.Event(), asyncio.Event()

    async def slow_write(*arguments: Any) -> None:
        await write(*arguments)
        wrote.set()
        await resume.wait()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(here.stores.vectors), "write", slow_write)
        asleep = asyncio.create_task(first.step(PROJECT))
        await wrote.wait()
    here.clock.advance(timedelta(minutes=1))
    await second.drain(PROJECT)
    resume.set()
    assert 0 == await asleep
    assert {OUTBOX: 0} == await here.stores.ledger.counters(PROJECT, [OUTBOX])
    assert (0, 0, 1) == await counts(here)


async def test_each_basis_decides_its_own(here: World) -> None:
    """A page in which the campaign's basis changes is decided as if it had come in two.

    Without a basis the frames are all alike; in the basis of frames like them they are not.
    """
    twins = EYE[0] * 20 + EYE[1], EYE[0] * 20 - EYE[1], EYE[0] * 20 - EYE[1] * 1.01
    await send(here, 1, ("a", twins[0]), ("a2", twins[0]))
    noise = np.random.default_rng(0).normal(size=(64, DIMENSION)).astype("f4")
    await here.set_background(EYE[0] * 20 + noise)
    await here.commit("c", EYE[:1])
    await send(here, 2, ("unlike", twins[1]), ("alike", twins[2]))
    await here.projector().drain(PROJECT)
    assert (0, 2, 2) == await counts(here)
    assert {"a", "unlike"} == await stored(here)


def test_the_most_similar_is_named_and_the_bound_is_inclusive() -> None:
    """A match at exactly the bound is a near duplicate, of the sample it is most like."""
    kept = KeptSamples("", ["x", "y"], EYE[:2])
    at = np.float32(SIMILARITY_MIN)
    like_y = np.array([0, at, np.sqrt(1 - at**2), *[0] * (DIMENSION - 3)], np.float32)
    unlike = like_y.copy()
    unlike[1:3] = at - np.float32(1e-3), np.sqrt(1 - (at - np.float32(1e-3)) ** 2)
    assert ["y", ""] == kept.keep(["at", "under"], np.stack([like_y, unlike]))


def test_kept_samples_grow_as_brute_force_says() -> None:
    """Page by page, what is kept is what a plain comparison with all kept before would keep."""
    random = np.random.default_rng(3)
    centres = random.normal(size=(30, 4))
    vectors = normalise(centres[random.integers(0, 30, 900)] + random.normal(0, 0.1, (900, 4)))
    kept = KeptSamples("", [], np.empty((0, 4), np.float32))
    plain: list[int] = []
    for page in np.array_split(np.arange(900), 7):
        named = kept.keep([str(i) for i in page], vectors[page])
        for index, name in zip(page, named, strict=True):
            similar = vectors[plain] @ vectors[index] if plain else np.array([-1.0])
            assert (not name) == (similar.max() < np.float32(SIMILARITY_MIN))
            if not name:
                plain.append(int(index))
    assert 30 < len(plain) < 900
