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
from services.ingest.doctor.projector_pause import pause_projector
from services.ingest.lease import LEASE
from services.ingest.records import Review, row_key
from services.ingest.review_samples import ReviewRequest, review_samples
from services.ingest.samples import SampleFilter, list_samples
from services.ingest.submit import start, submit
from services.ledger.interface import Entry
from services.records.idempotency import IdempotentRequest
from services.vectors.interface import Points
from sluice import errors
from sluice.names import ProjectName
from tests.unit.ingest.doctor.tampering import (
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
from tests.unit.ingest.harness import (
    DIMENSION,
    PROJECT,
    IngestHarness,
    delivery,
    frame,
    open_harness,
    session,
)


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[IngestHarness]:
    """A world after mixed work: collected, near duplicates, duplicates, reviewed, and pending."""
    async with open_harness(tmp_path) as found:
        await found.commit("c", EYE[:1], threshold=0.1)
        await found.commit("other", EYE[1:2], threshold=0.1)
        await start(found.ingest, session())
        await send(found, 1, "a", "aa", "b")
        await send(found, 2, "a", "bb")
        await found.projector().drain(PROJECT)
        request = ReviewRequest(
            CAMPAIGN, ["a"], Review.ACCEPTED, IdempotentRequest.of("Accept", "", b"")
        )
        await review_samples(found.ingest, request)
        await send(found, 3, "c")
        yield found


async def examine(harness: IngestHarness, *, repair: bool = False) -> list[Finding]:
    """What the doctor finds."""
    events = diagnose(harness.ingest, ProjectName(PROJECT), repair=repair)
    return [event async for event in events if isinstance(event, Finding)]


async def state(harness: IngestHarness) -> tuple[object, ...]:
    """All that the doctor may mend: counters, listings, points."""
    selection = SampleFilter()
    listed, _ = await list_samples(harness.ingest, CAMPAIGN, selection, after="", limit=100)
    points = await harness.stores.vectors.read(SAMPLES, TENANT)
    by_version = SampleFilter(by_version=True)
    again, _ = await list_samples(harness.ingest, CAMPAIGN, by_version, after="", limit=100)
    days = await harness.stores.ledger.counters(PROJECT, [OUTBOX, budget_used_on("c", TODAY)])
    return (
        dict((await harness.funnel("c")).counts),
        days,
        [sample.frame.id for sample in listed],
        [sample.frame.id for sample in again],
        dict(zip(points.ids, points.payloads, strict=True)),
    )


async def test_a_healthy_project_is_quiet(harness: IngestHarness) -> None:
    """After collecting, refusing, reviewing, and amid pending matches, nothing differs."""
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


@pytest.mark.parametrize(("tamper", "kind", "subject"), MENDED)
async def test_a_difference_is_named_and_mended(
    harness: IngestHarness, tamper: Tamper, kind: FindingKind, subject: str
) -> None:
    """It alone is named; a look changes nothing; a repair brings back what was, for good."""
    before = await state(harness)
    await tamper(harness)
    for repair, outcome in ((False, FindingOutcome.REPAIRABLE), (True, FindingOutcome.REPAIRED)):
        [found] = await examine(harness, repair=repair)
        assert (kind, subject, outcome) == (found.kind, found.subject, found.outcome)
    assert [] == await examine(harness)
    assert before == await state(harness)
    await harness.projector().drain(PROJECT)
    assert [] == await examine(harness)
    assert 0 == (await harness.funnel("c")).counts[Count.PENDING]


async def test_counters_say_what_was_expected(harness: IngestHarness) -> None:
    """A counter's finding has the number of the rows, and the one that was found."""
    await counter(harness)
    [found] = await examine(harness)
    assert ("2", "4") == (found.expected, found.actual)


async def test_a_decided_entry_is_written_and_not_decided_again(harness: IngestHarness) -> None:
    """What was decided but not written is brought to its end, and counted once."""
    await entry_of_decided(harness)
    found = await examine(harness)
    assert {FindingKind.ENTRY_OF_DECIDED} == {finding.kind for finding in found}
    await examine(harness, repair=True)
    harness.clock.advance(timedelta(minutes=1))
    await harness.projector("successor").drain(PROJECT)
    counts = (await harness.funnel("c")).counts
    assert (0, 3) == (counts[Count.PENDING], counts[Count.COLLECTED])
    points = await harness.stores.vectors.read(SAMPLES, TENANT)
    assert {"a", "b", "c"} == {payload["frame_id"] for payload in points.payloads}
    assert [] == await examine(harness)


@pytest.mark.parametrize(("tamper", "kind", "frame_id"), LOST)
async def test_what_cannot_be_mended_is_said(
    harness: IngestHarness, tamper: Tamper, kind: FindingKind, frame_id: str
) -> None:
    """It is named as lost, with and without a repair, each time, and nothing else is done."""
    await tamper(harness)
    for repair in (False, True, False):
        [found] = await examine(harness, repair=repair)
        assert (kind, f"{CAMPAIGN}/samples/{frame_id}", FindingOutcome.LOST) == (
            found.kind,
            found.subject,
            found.outcome,
        )


async def test_a_lost_row_takes_its_counts_along(harness: IngestHarness) -> None:
    """Where rows are the truth, counters follow them, and the funnel adds up."""
    await change(harness, deletes=(row_key("c", "b"),))
    await examine(harness, repair=True)
    assert [] == await examine(harness)
    counts = (await harness.funnel("c")).counts
    assert (1, 5) == (counts[Count.COLLECTED], counts[Count.MATCHES])


async def test_an_unknown_project_is_not_found(harness: IngestHarness) -> None:
    """A project that does not exist is NOT_FOUND."""
    with pytest.raises(errors.NotFound):
        async for _ in diagnose(harness.ingest, ProjectName("none"), repair=False):
            pass


async def test_a_busy_project_is_quiet(harness: IngestHarness) -> None:
    """While frames come, are decided, written and reviewed, nothing differs, however often."""
    await harness.projector().drain(PROJECT)
    draw, over = np.random.default_rng(5), asyncio.Event()

    async def stream(name: str) -> None:
        for seq in takewhile(lambda _: not over.is_set(), count(1)):
            vectors = [
                (frame(f"{name}-{seq % 60}-{i}"), draw.normal(size=DIMENSION).astype("f4"))
                for i in range(10)
            ]
            batch = harness.batch(vectors, override=0.0)
            await submit(harness.ingest, session(name), delivery(seq, batch, str(seq)))

    async def project() -> None:
        projector = harness.projector()
        while not over.is_set():
            await projector.step(PROJECT)
            await asyncio.sleep(0)

    async def people() -> None:
        while not over.is_set():
            for verdict in (Review.DISCARDED, Review.UNSORTED):
                request = ReviewRequest(
                    CAMPAIGN, ["b"], verdict, IdempotentRequest.of("Review", "", b"")
                )
                await review_samples(harness.ingest, request)
            await asyncio.sleep(0)

    streams = (stream(name) for name in ("s1", "s2"))
    work = [asyncio.create_task(job) for job in (project(), people(), *streams)]
    try:
        for number in range(6):
            assert [] == await examine(harness, repair=number % 2 == 1)
        assert not any(task.done() for task in work)
    finally:
        over.set()
        await asyncio.gather(*work)
    harness.clock.advance(timedelta(minutes=1))
    await harness.projector("successor").drain(PROJECT)
    assert [] == await examine(harness)
    assert 0 == (await harness.funnel("c")).counts[Count.PENDING]


async def test_decided_but_not_written_is_no_difference(harness: IngestHarness) -> None:
    """A sample on its way to the vector store is not missing: also if it arrives meanwhile."""
    await decide_only(harness)
    assert [] == await examine(harness)
    vectors = type(harness.stores.vectors)
    real, late = vectors.retrieve, harness.projector("successor")
    harness.clock.advance(timedelta(minutes=1))

    async def retrieve(*arguments: Any) -> Points:
        found = await real(*arguments)
        await late.drain(PROJECT)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "retrieve", retrieve)
        assert [] == await examine(harness)
    points = await harness.stores.vectors.read(SAMPLES, TENANT)
    assert 3 == len(points)


async def test_an_outbox_that_fills_meanwhile_is_no_difference(harness: IngestHarness) -> None:
    """A batch that comes while the outbox is counted is not taken for a wrong counter."""
    ledger = type(harness.stores.ledger)
    real, calls = ledger.scan, 0

    async def scan(self: Any, partition: str, prefix: str, **options: Any) -> list[Entry]:
        nonlocal calls
        found = await real(self, partition, prefix, **options)
        calls += prefix == "outbox/"
        if prefix == "outbox/" and calls in {1, 4}:
            await send(harness, 4 if calls == 1 else 5, f"c{calls}")
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "scan", scan)
        assert [] == await examine(harness)
    assert calls > 4


async def test_rows_that_come_while_they_are_counted_are_no_difference(
    harness: IngestHarness,
) -> None:
    """However often rows are counted, one that comes meanwhile is not taken for a wrong counter."""
    ledger, seqs = type(harness.stores.ledger), iter(range(4, 100))
    real = ledger.scan

    async def scan(self: Any, partition: str, prefix: str, **options: Any) -> list[Entry]:
        found = await real(self, partition, prefix, **options)
        if prefix == "row/c/" and found:
            seq = next(seqs)
            await send(harness, seq, f"c{seq}")
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "scan", scan)
        assert [] == await examine(harness, repair=True)
    assert next(seqs) > 6


async def test_a_review_taken_back_meanwhile_is_no_difference(harness: IngestHarness) -> None:
    """What was accepted only while rows were read, each time, has not moved a counter."""
    ledger, said = type(harness.stores.ledger), cycle([Review.ACCEPTED, Review.UNSORTED])
    real = ledger.scan

    async def say() -> None:
        request = ReviewRequest(
            CAMPAIGN, ["b"], next(said), IdempotentRequest.of("Review", "", b"")
        )
        await review_samples(harness.ingest, request)

    async def scan(self: Any, partition: str, prefix: str, **options: Any) -> list[Entry]:
        if prefix != "row/c/":
            return await real(self, partition, prefix, **options)
        await say()
        found = await real(self, partition, prefix, **options)
        await say()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "scan", scan)
        assert [] == await examine(harness, repair=True)
    assert [] == await examine(harness)


async def test_two_doctors_mend_a_counter_once(harness: IngestHarness) -> None:
    """Two that found the same difference do not both make up for it."""
    await counter(harness)
    await asyncio.gather(*(examine(harness, repair=True) for _ in range(3)))
    assert [] == await examine(harness)
    assert 2 == (await harness.funnel("c")).counts[Count.COLLECTED]


async def test_the_projector_stands_still_and_goes_on(harness: IngestHarness) -> None:
    """While something is mended nothing is decided; afterwards at once, with the clock as it is."""
    projector = harness.projector()
    async with pause_projector(harness.ingest, PROJECT) as still:
        assert still is not None
        assert 0 == await projector.step(PROJECT)
    assert 2 == await projector.step(PROJECT)


async def test_a_standstill_lasts_as_long_as_it_takes(harness: IngestHarness) -> None:
    """The lease is renewed meanwhile, and what is committed after that holds."""
    async with pause_projector(harness.ingest, PROJECT, renewal_interval_s=0) as still:
        assert still is not None
        before = (await harness.stores.ledger.get(PROJECT, [LEASE]))[LEASE].revision
        while (await harness.stores.ledger.get(PROJECT, [LEASE]))[LEASE].revision < before + 5:
            assert 0 == await harness.projector().step(PROJECT)
        assert await still.commit(adds={OUTBOX: 0})


async def test_a_doctor_that_lost_its_standstill_mends_nothing(harness: IngestHarness) -> None:
    """Once another has taken the lease, what was measured before is void."""
    async with (
        pause_projector(harness.ingest, PROJECT) as first,
        pause_projector(harness.ingest, PROJECT) as second,
    ):
        assert first is not None
        assert second is not None
        assert not await first.commit(adds={OUTBOX: 1})
        assert await second.commit(adds={OUTBOX: 0})
