"""Threads that do what waits together: the more there is to do, the less each costs."""

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
class _Waiting(Generic[_Job, _Result]):
    job: _Job
    size: int
    result: asyncio.Future[_Result]


class Groups(Generic[_Job, _Result]):
    """Jobs of one key that wait while all threads are busy are done together, in one call.

    A thread that is free takes what waits at once: no job waits for company, and none for more
    than what is under way and those before it. Keys take turns.
    """

    def __init__(
        self,
        do: Callable[[Sequence[_Job]], Iterable[_Result | Exception]],
        *,
        threads: int,
        size_max: int,
    ) -> None:
        """`do` gives the result of each job, or what it failed with, one after another.

        Jobs are done together while their sizes sum up to `size_max`; a larger one alone.
        """
        self._do = do
        self._size_max = size_max
        self._threads_max = threads
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="groups")
        self._lock = Lock()
        self._waiting: dict[Hashable, deque[_Waiting[_Job, _Result]]] = {}
        self._busy = 0

    async def done(self, key: Hashable, job: _Job, size: int) -> _Result:
        """Have a job done; raises what it failed with. Who is cancelled leaves the others alone."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting[_Job, _Result](job, size, loop.create_future())
        with self._lock:
            self._waiting.setdefault(key, deque()).append(waiting)
            idle = self._busy < self._threads_max
            self._busy += idle
        if idle:
            try:
                self._threads.submit(self._work, loop)
            except BaseException:
                waiting.result.cancel()
                with self._lock:
                    self._busy -= 1
                raise
        return await waiting.result

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        """Do what waits until nothing does."""
        while group := self._next():
            told = 0
            try:
                for outcome in self._do([waiting.job for waiting in group]):
                    loop.call_soon_threadsafe(_tell, group[told], outcome)
                    told += 1
            except Exception as error:  # noqa: BLE001 - those who wait shall hear of it
                for waiting in group[told:]:
                    loop.call_soon_threadsafe(_tell, waiting, error)

    def _next(self) -> list[_Waiting[_Job, _Result]]:
        """What is to be done next; when nothing is, the thread counts as idle."""
        with self._lock:
            while self._waiting:
                key = next(iter(self._waiting))
                queue = self._waiting.pop(key)
                group = self._first(queue)
                if queue:
                    self._waiting[key] = queue
                if group:
                    return group
            self._busy -= 1
            return []

    def _first(self, queue: deque[_Waiting[_Job, _Result]]) -> list[_Waiting[_Job, _Result]]:
        """Take as many as may be done together, but those that nobody waits for any more."""
        group: list[_Waiting[_Job, _Result]] = []
        size = 0
        while queue and (not group or size + queue[0].size <= self._size_max):
            waiting = queue.popleft()
            if not waiting.result.cancelled():
                group.append(waiting)
                size += waiting.size
        return group


def _tell(waiting: _Waiting[_Job, _Result], outcome: _Result | Exception) -> None:
    if waiting.result.cancelled():
        return
    if isinstance(outcome, Exception):
        waiting.result.set_exception(outcome)
    else:
        waiting.result.set_result(outcome)
