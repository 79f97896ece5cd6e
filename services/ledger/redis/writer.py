"""Group commit: one task that commits, and sends all that wait for it in one piece."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from redis.exceptions import ResponseError

from services.ledger.redis.request import Request
from services.ledger.redis.server import PAUSE_MAX_S, PAUSE_S, RedisServer, Reply, may_pass
from sluice import errors

GROUP_COMMITS_MAX: Final = 128
"""Also how many outcomes a partition remembers of a writer: all that may be asked for again.

Up to 128 fields, Redis keeps a hash in one compact piece.
"""

GROUP_BYTES_MAX: Final = 16 * 2**20

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A commit that someone waits for; `number` is its own among all of this writer."""

    number: int
    request: Request
    done: asyncio.Future[None]


class GroupWriter:
    """Sends transactions in the order of their submission, one group at a time.

    Redis flushes its file once for all that it ran since the last flush, so those that arrive
    while a group is under way share the next flush.

    When a connection breaks, what was not answered is sent again, under the same number: the
    script finds what became of the first sending, and stops it should it arrive yet. So every
    commit ends with its true outcome, unless the server stays away for `patience_s`.
    """

    def __init__(self, server: RedisServer, patience_s: float) -> None:
        self._server = server
        self._patience_s = patience_s
        self._id = secrets.token_hex(8)
        self._last_number = 0
        self._queue: asyncio.Queue[_Waiting | None] = asyncio.Queue()
        self._closing = False
        self._task = asyncio.create_task(self._run(), name="ledger-writer")

    def submit(self, request: Request) -> asyncio.Future[None]:
        """Queue the transaction; the future ends when it is durable or refused."""
        self._last_number += 1
        done = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(_Waiting(self._last_number, request, done))
        return done

    async def close(self) -> None:
        """Commit what was submitted and end the task."""
        self._queue.put_nowait(None)
        await self._task

    async def _run(self) -> None:
        while group := await self._next_group():
            try:
                await self._commit(group)
            except Exception as error:  # noqa: BLE001 - a bug: its callers learn of it
                _finish(group, error)

    async def _next_group(self) -> list[_Waiting]:
        """Wait for a commit, then take what else waits already; nothing once closed."""
        group: list[_Waiting] = []
        size_bytes = 0
        while len(group) < GROUP_COMMITS_MAX and size_bytes < GROUP_BYTES_MAX and not self._closing:
            if group and self._queue.empty():
                break
            waiting = await self._queue.get()
            if waiting is None:
                self._closing = True
            elif not waiting.done.done():  # nobody gave up
                group.append(waiting)
                size_bytes += waiting.request.size_bytes
        return group

    async def _commit(self, group: Sequence[_Waiting]) -> None:
        """Send the group until each has its outcome, or patience ends."""
        clock = asyncio.get_running_loop().time
        give_up_at, pause_s, sending = clock() + self._patience_s, PAUSE_S, 0
        while True:
            try:
                replies = await self._send(group, sending)
            except errors.SluiceError as error:
                problem = self._server.unavailable(error.message)
            else:
                group, problem = self._settle(group, replies, sending)
            if not group:
                return
            if clock() + pause_s > give_up_at:
                break
            _log.warning("ledger commits sent again", commits=len(group), error=problem.message)
            await asyncio.sleep(pause_s)
            pause_s, sending = min(2 * pause_s, PAUSE_MAX_S), sending + 1
        _log.error("ledger commits given up", commits=len(group), error=problem.message)
        _finish(group, problem)

    async def _send(self, group: Sequence[_Waiting], sending: int) -> list[Reply]:
        return await self._server.exchange(
            [
                waiting.request.command(
                    self._id, waiting.number, waiting.number % GROUP_COMMITS_MAX, sending
                )
                for waiting in group
            ]
        )

    def _settle(
        self, group: Sequence[_Waiting], replies: Sequence[Reply], sending: int
    ) -> tuple[list[_Waiting], errors.Unavailable]:
        """Answer those whose outcome is known; returns the others, and what the server said."""
        open_: list[_Waiting] = []
        problem = errors.Unavailable("")
        for waiting, reply in zip(group, replies, strict=True):
            if not isinstance(reply, ResponseError):
                _end(waiting, waiting.request.outcome(reply))
            # That a later sending is refused says nothing about an earlier one.
            elif sending or may_pass(reply):
                open_.append(waiting)
                problem = self._server.unavailable(reply)
            else:
                _end(waiting, self._server.refusal(reply))
        return open_, problem


def _finish(group: Sequence[_Waiting], problem: Exception) -> None:
    for waiting in group:
        _end(waiting, problem)


def _end(waiting: _Waiting, problem: Exception | None) -> None:
    if waiting.done.done():  # cancelled, or ended before a bug was met
        return
    if problem is None:
        waiting.done.set_result(None)
    else:
        waiting.done.set_exception(problem)
