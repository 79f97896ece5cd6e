"""What waits while all threads are busy is done together, within a bound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from threading import Event

import pytest

from services.scorer.groups import Groups

SIZE_MAX = 10


class Work:
    """Doubles numbers, and remembers which it was given together; the first is held up."""

    def __init__(self, threads: int = 1) -> None:
        self.groups: list[list[int]] = []
        self.begun, self.go = Event(), Event()
        self.together = Groups[int, int](self._do, threads=threads, size_max=SIZE_MAX)

    def _do(self, jobs: Sequence[int]) -> list[int | Exception]:
        self.groups.append([*jobs])
        self.begun.set()
        assert self.go.wait(10)
        if 13 in jobs:
            raise MemoryError("13")
        return [ValueError(job) if job < 0 else 2 * job for job in jobs]

    def start(self, job: int, *, key: str = "", size: int = 1) -> asyncio.Task[int]:
        """Have a number doubled."""
        return asyncio.create_task(self.together.done(key, job, size))


@asynccontextmanager
async def busy(work: Work) -> AsyncIterator[None]:
    """The only thread is busy with 0; it goes on when this is left."""
    first = work.start(0)
    await asyncio.to_thread(work.begun.wait)
    try:
        yield
        await asyncio.sleep(0)  # what was started waits now
    finally:
        work.go.set()
    assert 0 == await first


async def test_what_waits_is_done_together() -> None:
    """Jobs that come while the thread is busy are one group, and each gets its own result."""
    work = Work()
    async with busy(work):
        waiting = [work.start(job) for job in range(1, 6)]
    assert [2, 4, 6, 8, 10] == await asyncio.gather(*waiting)
    assert [[0], [1, 2, 3, 4, 5]] == work.groups


async def test_a_free_thread_takes_a_job_at_once() -> None:
    """No job waits for company while a thread has nothing to do."""
    work = Work(threads=2)
    async with busy(work):
        work.begun.clear()
        second = work.start(1)
        await asyncio.to_thread(work.begun.wait)
        assert [[0], [1]] == work.groups
    assert 2 == await second


async def test_groups_have_a_bound() -> None:
    """Sizes sum up to the bound at most, in the order of arrival; what is larger goes alone."""
    work = Work()
    async with busy(work):
        sizes = [4, 6, 1, 11, 5, 5, 1]
        waiting = [work.start(number, size=size) for number, size in enumerate(sizes, 1)]
    await asyncio.gather(*waiting)
    assert [[0], [1, 2], [3], [4], [5, 6], [7]] == work.groups


async def test_keys_are_not_mixed_and_take_turns() -> None:
    """Jobs of two keys are never in one group, and much of one does not keep the other waiting."""
    work = Work()
    async with busy(work):
        waiting = [work.start(job, key="a", size=SIZE_MAX) for job in (1, 2)]
        waiting += [work.start(job, key="b") for job in (3, 4)]
    await asyncio.gather(*waiting)
    assert [[0], [1], [3, 4], [2]] == work.groups


async def test_a_job_fails_alone() -> None:
    """Where one job of a group has an error for a result, the others have theirs."""
    work = Work()
    async with busy(work):
        waiting = [work.start(job) for job in (1, -1, 2)]
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [2, "-1", 4] == [str(e) if isinstance(e, ValueError) else e for e in found]


async def test_a_failure_of_the_whole_reaches_all_who_wait() -> None:
    """When the work itself fails, each of the group hears so, and the thread goes on."""
    work = Work()
    async with busy(work):
        waiting = [work.start(job) for job in (1, 13)]
    for job in waiting:
        with pytest.raises(MemoryError, match="13"):
            await job
    assert 14 == await work.start(7)


async def test_who_goes_away_is_left_out() -> None:
    """A cancelled job is not done, if it still waits, and changes nothing for the others."""
    work = Work()
    async with busy(work):
        waiting = [work.start(job) for job in (1, 2, 3)]
        await asyncio.sleep(0)
        waiting[1].cancel()
    assert [2, 6] == [await waiting[0], await waiting[2]]
    assert [[0], [1, 3]] == work.groups


async def test_who_goes_away_meanwhile_harms_nobody() -> None:
    """A job that is cancelled while it is done leaves the others their results."""
    work = Work()
    async with busy(work):
        only = work.start(1)
    await only
    work.go.clear()
    work.begun.clear()
    lost, kept = work.start(2), work.start(3)
    await asyncio.to_thread(work.begun.wait)
    lost.cancel()
    work.go.set()
    assert 6 == await asyncio.wait_for(kept, 10)


async def test_results_are_told_one_after_another() -> None:
    """A job does not wait for those behind it in its group."""
    begun, go, later = Event(), Event(), Event()

    def do(jobs: Sequence[int]) -> Iterator[int]:
        for job in jobs:
            begun.set()
            assert (go if job == 0 else later if job == 2 else begun).wait(10)
            yield job

    together = Groups[int, int](do, threads=1, size_max=SIZE_MAX)
    waiting = [asyncio.create_task(together.done("", job, 1)) for job in range(3)]
    await asyncio.to_thread(begun.wait)
    await asyncio.sleep(0)
    go.set()
    assert [0, 1] == await asyncio.wait_for(asyncio.gather(*waiting[:2]), 10)
    assert not waiting[2].done()
    later.set()
    assert 2 == await waiting[2]


async def test_a_thread_that_cannot_start_takes_no_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who needed it hears of it, and the next job is done."""
    work = Work()
    work.go.set()

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(work.together._threads, "submit", refuse)  # noqa: SLF001 - the machine's limit
        with pytest.raises(RuntimeError, match="new thread"):
            await work.start(1)
    assert 4 == await asyncio.wait_for(work.start(2), 10)
    assert [[2]] == work.groups
