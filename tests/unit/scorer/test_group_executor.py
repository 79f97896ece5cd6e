"""Jobs that wait while all threads are busy run together, up to a size."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from threading import Event

import pytest

from services.scorer.group_executor import GroupExecutor

SIZE_MAX = 10


class Doubler:
    """Doubles numbers and records the groups it gets; blocks until `resume` is set."""

    def __init__(self, threads: int = 1) -> None:
        self.groups: list[list[int]] = []
        self.started, self.resume = Event(), Event()
        self.executor = GroupExecutor[int, int](self._run_group, threads=threads, size_max=SIZE_MAX)

    def _run_group(self, jobs: Sequence[int]) -> list[int | Exception]:
        self.groups.append([*jobs])
        self.started.set()
        assert self.resume.wait(10)
        if 13 in jobs:
            raise MemoryError("13")
        return [ValueError(job) if job < 0 else 2 * job for job in jobs]

    def start(self, job: int, *, key: str = "", size: int = 1) -> asyncio.Task[int]:
        """Submit a number to be doubled."""
        return asyncio.create_task(self.executor.run(key, job, size))


@asynccontextmanager
async def busy(doubler: Doubler) -> AsyncIterator[None]:
    """Keep the only thread busy with 0 until the block is left."""
    first = doubler.start(0)
    await asyncio.to_thread(doubler.started.wait)
    try:
        yield
        await asyncio.sleep(0)  # lets the new jobs enter the queue
    finally:
        doubler.resume.set()
    assert 0 == await first


async def test_waiting_jobs_run_together() -> None:
    """Jobs submitted while the thread is busy form one group, and each gets its own result."""
    doubler = Doubler()
    async with busy(doubler):
        waiting = [doubler.start(job) for job in range(1, 6)]
    assert [2, 4, 6, 8, 10] == await asyncio.gather(*waiting)
    assert [[0], [1, 2, 3, 4, 5]] == doubler.groups


async def test_a_free_thread_takes_a_job_at_once() -> None:
    """No job waits for company while a thread has nothing to do."""
    doubler = Doubler(threads=2)
    async with busy(doubler):
        doubler.started.clear()
        second = doubler.start(1)
        await asyncio.to_thread(doubler.started.wait)
        assert [[0], [1]] == doubler.groups
    assert 2 == await second


async def test_groups_have_a_bound() -> None:
    """Sizes sum up to the bound at most, in the order of arrival; a larger job runs alone."""
    doubler = Doubler()
    async with busy(doubler):
        sizes = [4, 6, 1, 11, 5, 5, 1]
        waiting = [doubler.start(number, size=size) for number, size in enumerate(sizes, 1)]
    await asyncio.gather(*waiting)
    assert [[0], [1, 2], [3], [4], [5, 6], [7]] == doubler.groups


async def test_keys_are_not_mixed_and_take_turns() -> None:
    """Jobs of two keys never share a group; a long queue of one does not hold up the other."""
    doubler = Doubler()
    async with busy(doubler):
        waiting = [doubler.start(job, key="a", size=SIZE_MAX) for job in (1, 2)]
        waiting += [doubler.start(job, key="b") for job in (3, 4)]
    await asyncio.gather(*waiting)
    assert [[0], [1], [3, 4], [2]] == doubler.groups


async def test_a_job_fails_alone() -> None:
    """A job that fails does not affect the others of its group."""
    doubler = Doubler()
    async with busy(doubler):
        waiting = [doubler.start(job) for job in (1, -1, 2)]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [2, "-1", 4] == [str(r) if isinstance(r, ValueError) else r for r in results]


async def test_a_failure_of_the_group_reaches_every_caller() -> None:
    """When the group itself fails, each of its jobs raises the error, and the thread goes on."""
    doubler = Doubler()
    async with busy(doubler):
        waiting = [doubler.start(job) for job in (1, 13)]
    for job in waiting:
        with pytest.raises(MemoryError, match="13"):
            await job
    assert 14 == await doubler.start(7)


async def test_a_cancelled_job_is_left_out() -> None:
    """A job that is cancelled while it waits does not run, and the others are not affected."""
    doubler = Doubler()
    async with busy(doubler):
        waiting = [doubler.start(job) for job in (1, 2, 3)]
        await asyncio.sleep(0)
        waiting[1].cancel()
    assert [2, 6] == [await waiting[0], await waiting[2]]
    assert [[0], [1, 3]] == doubler.groups


async def test_a_job_cancelled_while_it_runs_affects_no_other() -> None:
    """The other jobs of its group still get their results."""
    doubler = Doubler()
    async with busy(doubler):
        only = doubler.start(1)
    await only
    doubler.resume.clear()
    doubler.started.clear()
    lost, kept = doubler.start(2), doubler.start(3)
    await asyncio.to_thread(doubler.started.wait)
    lost.cancel()
    doubler.resume.set()
    assert 6 == await asyncio.wait_for(kept, 10)


async def test_results_are_delivered_one_by_one() -> None:
    """A job does not wait for those behind it in its group."""
    started, resume, resume_last = Event(), Event(), Event()

    def run_group(jobs: Sequence[int]) -> Iterator[int]:
        for job in jobs:
            started.set()
            assert (resume if job == 0 else resume_last if job == 2 else started).wait(10)
            yield job

    executor = GroupExecutor[int, int](run_group, threads=1, size_max=SIZE_MAX)
    waiting = [asyncio.create_task(executor.run("", job, 1)) for job in range(3)]
    await asyncio.to_thread(started.wait)
    await asyncio.sleep(0)
    resume.set()
    assert [0, 1] == await asyncio.wait_for(asyncio.gather(*waiting[:2]), 10)
    assert not waiting[2].done()
    resume_last.set()
    assert 2 == await waiting[2]


async def test_a_thread_that_cannot_start_takes_no_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    """The job that needed it raises the error, and the next job runs."""
    doubler = Doubler()
    doubler.resume.set()

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(doubler.executor._threads, "submit", refuse)  # noqa: SLF001 - the machine's limit
        with pytest.raises(RuntimeError, match="new thread"):
            await doubler.start(1)
    assert 4 == await asyncio.wait_for(doubler.start(2), 10)
    assert [[2]] == doubler.groups
