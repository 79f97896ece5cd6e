"""The doctor of ingest names what differs and nothing else, and mends it for good."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count, cycle, takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.doctor.findings import Finding, FindingKind, FindingOutcome
from services.ingest.counters import OUTBOX, Count, budget_used_on
from services.ingest.doctor.diagnose import diagnose
from services.ingest.doctor.standstill import standstill
from services.ingest.lease import LEASE
from services.ingest.records import Review, row_key
from services.ingest.samples import ReviewOrder, Selection, list_samples, review
from services.ingest.submit import start, submit
from services.ledger.interface import Entry
from services.records.idempotency import IdempotentRequest
from services.vectors.interface import Points
from sluice import errors
from sluice.names import ProjectName
from tests.unit.ingest.tampering import (
    CAMPAIGN,
    EYE,
    LOST,
    MENDED,
    SAMPLES,
    TENANT,
    TODAY,
    Tamper,
    change,
    counter,
    decide_only,
    entry_of_decided,
    send,
)
from tests.unit.ingest.world import DIMENSION, PROJECT, World, delivery, frame, session, world


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    """A world after mixed work: collected, near duplicates, duplicates, reviewed, and pending."""
    async with world(tmp_path) as found:
        await found.commit("c", EYE[:1], threshold=0.1)
        await found.commit("other", EYE[1:2], threshold=0.1)
        await start(found.ingest, session())
        await send(found, 1, "a", "aa", "b")
        await send(found, 2, "a", "bb")
        await found.projector().drain(PROJECT)
        order = ReviewOrder(
            CAMPAIGN, ["a"], Review.ACCEPTED, IdempotentRequest.of("Accept", "", b"")
        )
        await review(found.ingest, order)
        await send(found, 3, "c")
        yield found


async def examine(here: World, *, repair: bool = False) -> list[Finding]:
    """What the doctor finds."""
    events = diagnose(here.ingest, ProjectName(PROJECT), repair=repair)
    return [event async for event in events if isinstance(event, Finding)]


async def state(here: World) -> tuple[object, ...]:
    """All that the doctor may mend: counters, listings, points."""
    selection = Selection()
    listed, _ = await list_samples(here.ingest, CAMPAIGN, selection, after="", limit=100)
    points = await here.stores.vectors.read(SAMPLES, TENANT)
    by_version = Selection(by_version=True)
    again, _ = await list_samples(here.ingest, CAMPAIGN, by_version, after="", limit=100)
    days = await here.stores.ledger.counters(PROJECT, [OUTBOX, budget_used_on("c", TODAY)])
    return (
        dict((await here.funnel("c")).counts),
        days,
        [sample.frame.id for sample in listed],
        [sample.frame.id for sample in again],
        dict(zip(points.ids, points.payloads, strict=True)),
    )


async def test_a_healthy_project_is_quiet(here: World) -> None:
    """After collecting, refusing, reviewing, and amid pending matches, nothing differs."""
    counts = (await here.funnel("c")).counts
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
    assert [] == await examine(here)
    assert [] == await examine(here, repair=True)


@pytest.mark.parametrize(("tamper", "kind", "subject"), MENDED)
async def test_a_difference_is_named_and_mended(
    here: World, tamper: Tamper, kind: FindingKind, subject: str
) -> None:
    """It alone is named; a look changes nothing; a repair brings back what was, for good."""
    before = await state(here)
    await tamper(here)
    for repair, outcome in ((False, FindingOutcome.REPAIRABLE), (True, FindingOutcome.REPAIRED)):
        [found] = await examine(here, repair=repair)
        assert (kind, subject, outcome) == (found.kind, found.subject, found.outcome)
    assert [] == await examine(here)
    assert before == await state(here)
    await here.projector().drain(PROJECT)
    assert [] == await examine(here)
    assert 0 == (await here.funnel("c")).counts[Count.PENDING]


async def test_counters_say_what_was_expected(here: World) -> None:
    """A counter's finding has the number of the rows, and the one that was found."""
    await counter(here)
    [found] = await examine(here)
    assert ("2", "4") == (found.expected, found.actual)


async def test_a_decided_entry_is_written_and_not_decided_again(here: World) -> None:
    """What was decided but not written is brought to its end, and counted once."""
    await entry_of_decided(here)
    found = await examine(here)
    assert {FindingKind.ENTRY_OF_DECIDED} == {finding.kind for finding in found}
    await examine(here, repair=True)
    here.clock.advance(timedelta(minutes=1))
    await here.projector("successor").drain(PROJECT)
    counts = (await here.funnel("c")).counts
    assert (0, 3) == (counts[Count.PENDING], counts[Count.COLLECTED])
    points = await here.stores.vectors.read(SAMPLES, TENANT)
    assert {"a", "b", "c"} == {payload["frame_id"] for payload in points.payloads}
    assert [] == await examine(here)


@pytest.mark.parametrize(("tamper", "kind", "frame_id"), LOST)
async def test_what_cannot_be_mended_is_said(
    here: World, tamper: Tamper, kind: FindingKind, frame_id: str
) -> None:
    """It is named as lost, with and without a repair, each time, and nothing else is done."""
    await tamper(here)
    for repair in (False, True, False):
        [found] = await examine(here, repair=repair)
        assert (kind, f"{CAMPAIGN}/samples/{frame_id}", FindingOutcome.LOST) == (
            found.kind,
            found.subject,
            found.outcome,
        )


async def test_a_lost_row_takes_its_counts_along(here: World) -> None:
    """Where rows are the truth, counters follow them, and the funnel adds up."""
    await change(here, deletes=(row_key("c", "b"),))
    await examine(here, repair=True)
    assert [] == await examine(here)
    counts = (await here.funnel("c")).counts
    assert (1, 5) == (counts[Count.COLLECTED], counts[Count.MATCHES])


async def test_an_unknown_project_is_not_found(here: World) -> None:
    """A project that does not exist is NOT_FOUND."""
    with pytest.raises(errors.NotFound):
        async for _ in diagnose(here.ingest, ProjectName("none"), repair=False):
            pass


async def test_a_busy_project_is_quiet(here: World) -> None:
    """While frames come, are decided, written and reviewed, nothing differs, however often."""
    await here.projector().drain(PROJECT)
    draw, over = np.random.default_rng(5), asyncio.Event()

    async def stream(name: str) -> None:
        for seq in takewhile(lambda _: not over.is_set(), count(1)):
            vectors = [
                (frame(f"{name}-{seq % 60}-{i}"), draw.normal(size=DIMENSION).astype("f4"))
                for i in range(10)
            ]
            batch = here.batch(vectors, override=0.0)
            await submit(here.ingest, session(name), delivery(seq, batch, str(seq)))

    async def project() -> None:
        projector = here.projector()
        while not over.is_set():
            await projector.step(PROJECT)
            await asyncio.sleep(0)

    async def people() -> None:
        while not over.is_set():
            for verdict in (Review.DISCARDED, Review.UNSORTED):
                order = ReviewOrder(
                    CAMPAIGN, ["b"], verdict, IdempotentRequest.of("Review", "", b"")
                )
                await review(here.ingest, order)
            await asyncio.sleep(0)

    streams = (stream(name) for name in ("s1", "s2"))
    work = [asyncio.create_task(job) for job in (project(), people(), *streams)]
    try:
        for number in range(6):
            assert [] == await examine(here, repair=number % 2 == 1)
        assert not any(task.done() for task in work)
    finally:
        over.set()
        await asyncio.gather(*work)
    here.clock.advance(timedelta(minutes=1))
    await here.projector("successor").drain(PROJECT)
    assert [] == await examine(here)
    assert 0 == (await here.funnel("c")).counts[Count.PENDING]


async def test_decided_but_not_written_is_no_difference(here: World) -> None:
    """A sample on its way to the vector store is not missing: also if it arrives meanwhile."""
    await decide_only(here)
    assert [] == await examine(here)
    vectors = type(here.stores.vectors)
    real, late = vectors.retrieve, here.projector("successor")
    here.clock.advance(timedelta(minutes=1))

    async def retrieve(*arguments: Any) -> Points:
        found = await real(*arguments)
        await late.drain(PROJECT)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "retrieve", retrieve)
        assert [] == await examine(here)
    points = await here.stores.vectors.read(SAMPLES, TENANT)
    assert 3 == len(points)


async def test_an_outbox_that_fills_meanwhile_is_no_difference(here: World) -> None:
    """A batch that comes while the outbox is counted is not taken for a wrong counter."""
    ledger = type(here.stores.ledger)
    real, calls = ledger.scan, 0

    async def scan(self: Any, partition: str, prefix: str, **options: Any) -> list[Entry]:
        nonlocal calls
        found = await real(self, partition, prefix, **options)
        calls += prefix == "outbox/"
        if prefix == "outbox/" and calls in {1, 4}:
            await send(here, 4 if calls == 1 else 5, f"c{calls}")
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "scan", scan)
        assert [] == await examine(here)
    assert calls > 4


async def test_rows_that_come_while_they_are_counted_are_no_difference(here: World) -> None:
    """However often rows are counted, one that comes meanwhile is not taken for a wrong counter."""
    ledger, seqs = type(here.stores.ledger), iter(range(4, 100))
    real = ledger.scan

    async def scan(self: Any, partition: str, prefix: str, **options: Any) -> list[Entry]:
        found = await real(self, partition, prefix, **options)
        if prefix == "row/c/" and found:
            seq = next(seqs)
            await send(here, seq, f"c{seq}")
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "scan", scan)
        assert [] == await examine(here, repair=True)
    assert next(seqs) > 6


async def test_a_review_taken_back_meanwhile_is_no_difference(here: World) -> None:
    """What was accepted only while rows were read, each time, has not moved a counter."""
    ledger, said = type(here.stores.ledger), cycle([Review.ACCEPTED, Review.UNSORTED])
    real = ledger.scan

    async def say() -> None:
        order = ReviewOrder(CAMPAIGN, ["b"], next(said), IdempotentRequest.of("Review", "", b""))
        await review(here.ingest, order)

    async def scan(self: Any, partition: str, prefix: str, **options: Any) -> list[Entry]:
        if prefix != "row/c/":
            return await real(self, partition, prefix, **options)
        await say()
        found = await real(self, partition, prefix, **options)
        await say()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "scan", scan)
        assert [] == await examine(here, repair=True)
    assert [] == await examine(here)


async def test_two_doctors_mend_a_counter_once(here: World) -> None:
    """Two that found the same difference do not both make up for it."""
    await counter(here)
    await asyncio.gather(*(examine(here, repair=True) for _ in range(3)))
    assert [] == await examine(here)
    assert 2 == (await here.funnel("c")).counts[Count.COLLECTED]


async def test_the_projector_stands_still_and_goes_on(here: World) -> None:
    """While something is mended nothing is decided; afterwards at once, with the clock as it is."""
    projector = here.projector()
    async with standstill(here.ingest, PROJECT) as still:
        assert still is not None
        assert 0 == await projector.step(PROJECT)
    assert 2 == await projector.step(PROJECT)


async def test_a_standstill_lasts_as_long_as_it_takes(here: World) -> None:
    """The lease is renewed meanwhile, and what is committed after that holds."""
    async with standstill(here.ingest, PROJECT, renewed_after_s=0) as still:
        assert still is not None
        before = (await here.stores.ledger.get(PROJECT, [LEASE]))[LEASE].revision
        while (await here.stores.ledger.get(PROJECT, [LEASE]))[LEASE].revision < before + 5:
            assert 0 == await here.projector().step(PROJECT)
        assert await still.commit(adds={OUTBOX: 0})


async def test_a_doctor_that_lost_its_standstill_mends_nothing(here: World) -> None:
    """Once another has taken the lease, what was measured before is void."""
    async with (
        standstill(here.ingest, PROJECT) as first,
        standstill(here.ingest, PROJECT) as second,
    ):
        assert first is not None
        assert second is not None
        assert not await first.commit(adds={OUTBOX: 1})
        assert await second.commit(adds={OUTBOX: 0})
