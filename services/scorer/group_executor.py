"""A thread pool that runs waiting jobs in groups: the longer the queue, the cheaper each job."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


@dataclass(slots=True, eq=False)
class _QueuedJob(Generic[_Job, _Result]):
    job: _Job
    size: int
    result: asyncio.Future[_Result]


class GroupExecutor(Generic[_Job, _Result]):
    """Runs jobs that share a key, and wait while all threads are busy, in one call.

    An idle thread takes the queue at once: no job waits for others to join its group, and none
    waits for more than the running jobs and those queued before it. Keys take turns.
    """

    def __init__(
        self,
        run_group: Callable[[Sequence[_Job]], Iterable[_Result | Exception]],
        *,
        threads: int,
        size_max: int,
    ) -> None:
        """`run_group` yields the result of each job, or the error it failed with, in order.

        A group's sizes sum up to `size_max` at most; a larger job runs alone.
        """
        self._run_group = run_group
        self._size_max = size_max
        self._threads_max = threads
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="groups")
        self._lock = Lock()
        self._queues: dict[Hashable, deque[_QueuedJob[_Job, _Result]]] = {}
        self._busy = 0

    async def run(self, key: Hashable, job: _Job, size: int) -> _Result:
        """Run a job; raises the error it failed with.

        A cancelled call does not affect the other jobs of its group.
        """
        loop = asyncio.get_running_loop()
        queued = _QueuedJob[_Job, _Result](job, size, loop.create_future())
        with self._lock:
            self._queues.setdefault(key, deque()).append(queued)
            has_idle_thread = self._busy < self._threads_max
            self._busy += has_idle_thread
        if has_idle_thread:
            try:
                self._threads.submit(self._work, loop)
            except BaseException:
                queued.result.cancel()
                with self._lock:
                    self._busy -= 1
                raise
        return await queued.result

    def close(self) -> None:
        """Let the threads end after their current group."""
        self._threads.shutdown(wait=False)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run groups until every queue is empty."""
        while group := self._take_group():
            delivered = 0
            try:
                for outcome in self._run_group([queued.job for queued in group]):
                    loop.call_soon_threadsafe(_deliver, group[delivered], outcome)
                    delivered += 1
            except Exception as error:  # noqa: BLE001 - raised to every caller of the group
                for queued in group[delivered:]:
                    loop.call_soon_threadsafe(_deliver, queued, error)

    def _take_group(self) -> list[_QueuedJob[_Job, _Result]]:
        """Take the next group from the queues; if there is none, the thread counts as idle."""
        with self._lock:
            while self._queues:
                key = next(iter(self._queues))
                queue = self._queues.pop(key)
                group = self._take_first(queue)
                if queue:
                    self._queues[key] = queue
                if group:
                    return group
            self._busy -= 1
            return []

    def _take_first(
        self, queue: deque[_QueuedJob[_Job, _Result]]
    ) -> list[_QueuedJob[_Job, _Result]]:
        """Take the first jobs of a queue, up to the size of a group; drop cancelled ones."""
        group: list[_QueuedJob[_Job, _Result]] = []
        size = 0
        while queue and (not group or size + queue[0].size <= self._size_max):
            queued = queue.popleft()
            if not queued.result.cancelled():
                group.append(queued)
                size += queued.size
        return group


def _deliver(queued: _QueuedJob[_Job, _Result], outcome: _Result | Exception) -> None:
    """Give a caller its result; runs in the event loop."""
    if queued.result.cancelled():
        return
    if isinstance(outcome, Exception):
        queued.result.set_exception(outcome)
    else:
        queued.result.set_result(outcome)
