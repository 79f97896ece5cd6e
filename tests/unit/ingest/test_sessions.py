"""Sessions are known for 90 days after their last batch, and then forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from services.ingest.sessions import SessionSweeper, forget_sessions
from services.ingest.submit import start
from services.ledger.interface import Ledger
from services.records.scanning import scan_pages
from tests.unit.campaign.faults import InterceptedStore
from tests.unit.ingest.harness import PROJECT, IngestHarness, frame, near, session

SESSION_KEYS = ("session/", "session-day/", "answer/")


async def submit(harness: IngestHarness, name: str, seq: int) -> None:
    """Submit a batch in a session."""
    await start(harness.ingest, session(name))
    await harness.submit(seq, harness.batch([(frame(f"{name}{seq}"), near(0))]), name)


async def read_keys(harness: IngestHarness) -> list[str]:
    """All keys of sessions."""
    pages = scan_pages(harness.stores.ledger, PROJECT, "")
    return [e.key async for page in pages for e in page if e.key.startswith(SESSION_KEYS)]


async def test_a_session_is_known_for_90_days(harness: IngestHarness) -> None:
    """It is resumed after 90 days, and starts again at 1 a day later."""
    await submit(harness, "s", 1)
    harness.clock.advance(timedelta(days=90))
    assert 0 == await forget_sessions(harness.ingest, PROJECT)
    assert 2 == await start(harness.ingest, session("s"))

    harness.clock.advance(timedelta(days=1))

    assert 1 == await forget_sessions(harness.ingest, PROJECT)
    assert 1 == await start(harness.ingest, session("s"))
    assert [] == await read_keys(harness)


async def test_a_later_batch_keeps_a_session(harness: IngestHarness) -> None:
    """The 90 days begin again with each batch; other sessions are forgotten."""
    await submit(harness, "s", 1)
    await submit(harness, "other", 1)
    harness.clock.advance(timedelta(days=60))
    await submit(harness, "s", 2)
    harness.clock.advance(timedelta(days=60))

    assert 1 == await forget_sessions(harness.ingest, PROJECT)

    assert (3, 1) == (
        await start(harness.ingest, session("s")),
        await start(harness.ingest, session("other")),
    )


async def test_a_batch_at_that_moment_keeps_its_session(harness: IngestHarness) -> None:
    """A session that sends a batch while it is forgotten stays known."""
    await submit(harness, "s", 1)
    harness.clock.advance(timedelta(days=100))
    real = harness.ingest
    late = [True]

    async def overtake(commit: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        if late.pop() if late else False:
            await submit(harness, "s", 2)
        return await commit(*args)

    ledger = cast("Ledger", InterceptedStore(harness.stores.ledger, "commit", overtake))
    slow = replace(real, stores=replace(harness.stores, ledger=ledger))

    assert 0 == await forget_sessions(slow, PROJECT)

    assert 3 == await start(harness.ingest, session("s"))


async def test_only_old_days_are_read(harness: IngestHarness) -> None:
    """A sweep scans the listing by day, one page of it, and nothing else."""
    for name in ("a", "b", "c"):
        await submit(harness, name, 1)
    scanned: list[str] = []

    async def record(scan: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        scanned.append(args[1])
        return await scan(*args, **kwargs)

    ledger = cast("Ledger", InterceptedStore(harness.stores.ledger, "scan", record))
    watched = replace(harness.ingest, stores=replace(harness.stores, ledger=ledger))
    assert 0 == await forget_sessions(watched, PROJECT)

    assert ["session-day/"] == scanned


async def test_the_sweeper_forgets_in_the_background(harness: IngestHarness) -> None:
    """The sessions of all projects are swept from the start on."""
    await submit(harness, "s", 1)
    harness.clock.advance(timedelta(days=100))

    async with SessionSweeper(harness.ingest).running(), asyncio.timeout(10):
        while await read_keys(harness):  # noqa: ASYNC110 - a sweep has no event
            await asyncio.sleep(0)
