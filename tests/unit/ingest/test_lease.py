"""Whatever clocks say, a project's lease ends soon after its holder, and never while it works."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from services.ingest.lease import DURATION_US, LEASE, Fence, LeaseKeeper
from services.ledger.interface import Ledger
from services.ledger.sqlite.ledger import SqliteLedger

HOUR_US = 3_600_000_000
NOON_US = 1_767_268_800_000_000


class Clock:
    """Microseconds, as a test sets them."""

    def __init__(self, now_us: int) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        """The time."""
        return self.now_us


class Process:
    """Who wants the lease, with the two clocks of its machine."""

    def __init__(self, ledger: Ledger, name: str, *, ahead_us: int = 0) -> None:
        self.wall, self.steady = Clock(NOON_US + ahead_us), Clock(0)
        self.leases = LeaseKeeper(ledger, name, self.wall, self.steady)
        self.held: Fence | None = None

    def sleep(self, duration_us: int) -> None:
        """Let time pass, on both clocks."""
        self.wall.now_us += duration_us
        self.steady.now_us += duration_us

    async def work(self) -> bool:
        """Hold the lease, renewed where that is due; whether it is held."""
        if self.held is None or not self.held.lasts(self.wall.now_us):
            self.held = await self.leases.acquire("p", self.held)
        return self.held is not None


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Callable[..., Process]]:
    """Makes processes that share a ledger."""
    ledger = await SqliteLedger.open(tmp_path / "ledger")
    yield lambda name, **options: Process(ledger, name, **options)
    await ledger.close()


async def test_a_lease_does_not_outlive_its_holder_by_a_clock(
    process: Callable[..., Process],
) -> None:
    """A lease of a dead process whose clock was an hour ahead is free after its duration."""
    dead, heir = process("dead", ahead_us=HOUR_US), process("heir")
    assert await dead.work()
    assert not await heir.work()
    heir.sleep(DURATION_US - 1)
    assert not await heir.work()
    heir.sleep(1)
    assert await heir.work()


async def test_a_holder_whose_clock_was_set_back_renews(process: Callable[..., Process]) -> None:
    """After a step back the holder goes on, and is seen to: nobody takes its lease for dead."""
    holder, other = process("holder"), process("other")
    assert await holder.work()
    holder.wall.now_us -= HOUR_US
    other.wall.now_us -= HOUR_US
    for _ in range(10):
        for each in (holder, other):
            each.sleep(DURATION_US // 2)
        assert await holder.work()
        assert not await other.work()


async def test_clocks_that_differ_do_not_take_turns(process: Callable[..., Process]) -> None:
    """Of two that work at once, the one that is an hour ahead holds the lease, and keeps it."""
    behind, ahead = process("behind"), process("ahead", ahead_us=HOUR_US)
    assert await behind.work()
    assert await ahead.work()
    behind.held = None  # it was told by the ledger
    for _ in range(20):
        for each in (behind, ahead):
            each.sleep(DURATION_US // 4)
        assert await ahead.work()
        assert not await behind.work()
    behind.sleep(DURATION_US)
    assert await behind.work()


async def test_a_lease_that_was_lost_is_not_renewed(process: Callable[..., Process]) -> None:
    """A holder that comes back late does not go on with what it remembers."""
    first, second = process("first"), process("second")
    assert await first.work()
    revision = first.held and first.held.checks[LEASE]
    second.sleep(2 * DURATION_US)
    assert await second.work()
    first.sleep(4 * DURATION_US)
    assert not await first.work()
    assert await first.work()
    assert revision != (first.held and first.held.checks[LEASE])
