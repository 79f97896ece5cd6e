"""A lease ends soon after its holder, and never while the holder works, with any clocks."""

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
    """A clock in microseconds that a test sets."""

    def __init__(self, now_us: int) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        """The time."""
        return self.now_us


class Process:
    """A process that acquires the lease, with the two clocks of its machine."""

    def __init__(self, ledger: Ledger, name: str, *, ahead_us: int = 0) -> None:
        self.wall, self.steady = Clock(NOON_US + ahead_us), Clock(0)
        self.leases = LeaseKeeper(ledger, name, self.wall, self.steady)
        self.held: Fence | None = None

    def sleep(self, duration_us: int) -> None:
        """Advance both clocks."""
        self.wall.now_us += duration_us
        self.steady.now_us += duration_us

    async def work(self) -> bool:
        """Acquire the lease, or renew it if that is due; whether it is held."""
        if self.held is None or not self.held.lasts(self.wall.now_us):
            self.held = await self.leases.acquire("p", self.held)
        return self.held is not None


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Callable[..., Process]]:
    """A factory of processes that share a ledger."""
    ledger = await SqliteLedger.open(tmp_path / "ledger")
    yield lambda name, **options: Process(ledger, name, **options)
    await ledger.close()


async def test_a_lease_does_not_outlive_its_holder_by_a_clock(
    process: Callable[..., Process],
) -> None:
    """The lease of a dead process with a clock an hour ahead is free after its duration."""
    dead, heir = process("dead", ahead_us=HOUR_US), process("heir")
    assert await dead.work()
    assert not await heir.work()
    heir.sleep(DURATION_US - 1)
    assert not await heir.work()
    heir.sleep(1)
    assert await heir.work()


async def test_a_holder_renews_after_a_clock_step_back(
    process: Callable[..., Process],
) -> None:
    """After its clock is set back, the holder keeps renewing, so that no other takes the lease."""
    holder, other = process("holder"), process("other")
    assert await holder.work()
    holder.wall.now_us -= HOUR_US
    other.wall.now_us -= HOUR_US
    for _ in range(10):
        for machine in (holder, other):
            machine.sleep(DURATION_US // 2)
        assert await holder.work()
        assert not await other.work()


async def test_different_clocks_do_not_alternate_the_lease(process: Callable[..., Process]) -> None:
    """Of two working processes, the one with its clock an hour ahead holds the lease for good."""
    behind, ahead = process("behind"), process("ahead", ahead_us=HOUR_US)
    assert await behind.work()
    assert await ahead.work()
    behind.held = None  # as after a rejected transaction
    for _ in range(20):
        for machine in (behind, ahead):
            machine.sleep(DURATION_US // 4)
        assert await ahead.work()
        assert not await behind.work()
    behind.sleep(DURATION_US)
    assert await behind.work()


async def test_a_lease_that_was_lost_is_not_renewed(process: Callable[..., Process]) -> None:
    """A holder that returns late must acquire the lease anew."""
    first, second = process("first"), process("second")
    assert await first.work()
    revision = first.held and first.held.checks[LEASE]
    second.sleep(2 * DURATION_US)
    assert await second.work()
    first.sleep(4 * DURATION_US)
    assert not await first.work()
    assert await first.work()
    assert revision != (first.held and first.held.checks[LEASE])
