"""Group commit: one task sends all transactions that wait for it in one piece."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from redis.exceptions import ResponseError

from services.ledger.redis.request import CommitRequest
from services.ledger.redis.retries import retry_until
from services.ledger.redis.server import RedisServer, Reply, is_transient
from sluice import errors

GROUP_COMMITS_MAX: Final = 128
"""Maximum transactions in a group, and outcomes stored per partition and writer.

A writer may look up the outcomes of its last group again. Redis stores a hash of up to 128 fields
compactly.
"""

GROUP_BYTES_MAX: Final = 16 * 2**20

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _PendingRequest:
    """A request that a caller waits for; `number` is unique among this writer's requests."""

    number: int
    request: CommitRequest
    outcome: asyncio.Future[None]


class RedisWriter:
    """Sends transactions in the order of their submission, one group at a time.

    Redis flushes its file once for all that it ran since the last flush, so transactions that
    arrive while a group is being sent share the next flush.

    When a connection breaks, unanswered requests are sent again under the same number: the script
    looks up the outcome of the first sending, and stops that sending should it arrive late. So
    every commit ends with its true outcome, unless the server is unavailable for `patience_s`.
    """

    def __init__(self, server: RedisServer, patience_s: float) -> None:
        self._server = server
        self._patience_s = patience_s
        self._id = secrets.token_hex(8)
        self._last_number = 0
        self._queue: asyncio.Queue[_PendingRequest | None] = asyncio.Queue()
        self._closing = False
        self._task = asyncio.create_task(self._run(), name="ledger-writer")

    def submit(self, request: CommitRequest) -> asyncio.Future[None]:
        """Queue the transaction; the future ends when it is durable or rejected."""
        self._last_number += 1
        outcome = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(_PendingRequest(self._last_number, request, outcome))
        return outcome

    async def close(self) -> None:
        """Commit what was submitted and end the task."""
        self._queue.put_nowait(None)
        await self._task

    async def _run(self) -> None:
        while group := await self._next_group():
            try:
                await self._commit(group)
            except Exception as error:  # noqa: BLE001 - a bug: its callers learn of it
                _settle_all(group, error)

    async def _next_group(self) -> list[_PendingRequest]:
        """Wait for a request, then take all that are queued already; nothing once closed."""
        group: list[_PendingRequest] = []
        size_bytes = 0
        while len(group) < GROUP_COMMITS_MAX and size_bytes < GROUP_BYTES_MAX and not self._closing:
            if group and self._queue.empty():
                break
            pending = await self._queue.get()
            if pending is None:
                self._closing = True
            elif not pending.outcome.done():  # not cancelled by its caller
                group.append(pending)
                size_bytes += pending.request.size_bytes
        return group

    async def _commit(self, group: Sequence[_PendingRequest]) -> None:
        """Send the group until each request has its outcome, or the deadline is over."""
        unsettled, problem = group, errors.Unavailable("")
        try:
            async for attempt in retry_until(self._patience_s, on=errors.Unavailable):
                if attempt.num > 1:
                    commits, error = len(unsettled), problem.message
                    _log.warning("ledger commits sent again", commits=commits, error=error)
                with attempt:
                    unsettled, problem = await self._send(unsettled, sending=attempt.num - 1)
                    if unsettled:
                        raise problem
        except errors.Unavailable:
            _log.error("ledger commits given up", commits=len(unsettled), error=problem.message)
            _settle_all(unsettled, problem)

    async def _send(
        self, group: Sequence[_PendingRequest], sending: int
    ) -> tuple[Sequence[_PendingRequest], errors.Unavailable]:
        """Send the group once; returns the requests to send again, and why."""
        commands = [
            pending.request.command(
                self._id, pending.number, pending.number % GROUP_COMMITS_MAX, sending
            )
            for pending in group
        ]
        try:
            replies = await self._server.exchange(commands)
        except errors.SluiceError as error:
            return group, self._server.unavailable(error.message)
        return self._settle(group, replies, sending)

    def _settle(
        self, group: Sequence[_PendingRequest], replies: Sequence[Reply], sending: int
    ) -> tuple[list[_PendingRequest], errors.Unavailable]:
        """Settle requests with a known outcome; returns the others, and the server's error."""
        unsettled: list[_PendingRequest] = []
        problem = errors.Unavailable("")
        for pending, reply in zip(group, replies, strict=True):
            if not isinstance(reply, ResponseError):
                _settle(pending, pending.request.to_outcome(reply))
            # An error of a later sending says nothing about the earlier ones.
            elif sending or is_transient(reply):
                unsettled.append(pending)
                problem = self._server.unavailable(reply)
            else:
                _settle(pending, self._server.to_error(reply))
        return unsettled, problem


def _settle_all(group: Sequence[_PendingRequest], problem: Exception) -> None:
    for pending in group:
        _settle(pending, problem)


def _settle(pending: _PendingRequest, problem: Exception | None) -> None:
    if pending.outcome.done():  # cancelled, or settled before a bug was met
        return
    if problem is None:
        pending.outcome.set_result(None)
    else:
        pending.outcome.set_exception(problem)
