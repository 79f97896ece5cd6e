"""Readiness: reported once at the start, and after every change."""

from __future__ import annotations

import asyncio

import pytest

from services.server import readiness
from services.server.readiness import Readiness
from sluice.errors import Unavailable


class Dependency:
    """A dependency that tests take away, and one that may hang."""

    def __init__(self) -> None:
        self.up = True
        self.hangs = False

    async def check(self) -> None:
        """Raise Unavailable while it is down."""
        if self.hangs:
            await asyncio.Event().wait()
        if not self.up:
            raise Unavailable("down")


class Reports:
    """The reports of a readiness, in their order."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bool] = asyncio.Queue()

    async def add(self, ready: bool) -> None:
        """Take in a report."""
        self._queue.put_nowait(ready)

    async def next(self) -> bool:
        """The next report, within ten seconds."""
        return await asyncio.wait_for(self._queue.get(), 10)

    @property
    def empty(self) -> bool:
        """Whether there is no further report."""
        return self._queue.empty()


async def test_every_change_is_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process is ready while all dependencies answer; rounds without a change are silent."""
    monkeypatch.setattr(readiness, "PERIOD_S", 0.01)
    ledger, campaign, reports = Dependency(), Dependency(), Reports()
    ready = Readiness({"ledger": ledger.check, "campaign": campaign.check}, reports.add)
    await ready.start()
    assert await reports.next()

    ledger.up = False
    assert not await reports.next()
    await asyncio.sleep(0.1)
    assert reports.empty
    ledger.up = True
    assert await reports.next()
    await ready.close()


async def test_a_dependency_that_hangs_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that does not end within the deadline fails."""
    monkeypatch.setattr(readiness, "TIMEOUT_S", 0.01)
    ledger, reports = Dependency(), Reports()
    ledger.hangs = True
    ready = Readiness({"ledger": ledger.check}, reports.add)
    await ready.start()

    assert not await reports.next()
    await ready.close()


async def test_a_process_without_dependencies_is_ready() -> None:
    """Without checks the first report is the last."""
    reports = Reports()
    ready = Readiness({}, reports.add)
    await ready.start()

    assert await reports.next()
    await ready.close()
