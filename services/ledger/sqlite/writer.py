"""Group commit: one thread that commits, and shares each commit among all who wait for one."""

from __future__ import annotations

import sqlite3
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread

import structlog

from services.ledger.sqlite.apply import apply
from services.ledger.write import Write
from sluice import errors

GROUP_COMMITS_MAX = 256
GROUP_BYTES_MAX = 16 * 2**20
RETRY_AFTER_S = 1.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A commit that someone waits for."""

    write: Write
    done: Future[None] = field(default_factory=Future)


class GroupWriter:
    """Applies writes in the order of their submission, as many in one SQLite transaction as wait.

    A disk takes about as long to sync one commit as a hundred, so those that arrive while it
    syncs share the next one. Nobody is answered before the transaction they share is durable; a
    conflict is not either, as it may rest on a write that the same transaction would lose.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._closing = False
        self._thread = Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    def submit(self, write: Write) -> Future[None]:
        """Queue `write`; the future ends when it is durable or refused."""
        waiting = _Waiting(write)
        self._queue.put(waiting)
        return waiting.done

    def close(self) -> None:
        """Commit what was submitted and end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            for waiting, problem in zip(group, self._commit(group), strict=True):
                if problem is None:
                    waiting.done.set_result(None)
                else:
                    waiting.done.set_exception(problem)

    def _next_group(self) -> list[_Waiting]:
        """Wait for a commit, then take what else waits already; nothing once closed."""
        group: list[_Waiting] = []
        size_bytes = 0
        while len(group) < GROUP_COMMITS_MAX and size_bytes < GROUP_BYTES_MAX and not self._closing:
            try:
                waiting = self._queue.get(block=not group)
            except Empty:
                break
            if waiting is None:
                self._closing = True
            elif waiting.done.set_running_or_notify_cancel():
                group.append(waiting)
                size_bytes += waiting.write.size_bytes
        return group

    def _commit(self, group: list[_Waiting]) -> list[Exception | None]:
        """What came of each: None where it is durable."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            problems = [self._attempt(waiting.write) for waiting in group]
            self._connection.execute("COMMIT")
            return problems
        except sqlite3.Error as error:
            _log.warning("ledger commit failed", commits=len(group), error=str(error))
            self._roll_back()
            return [unavailable(error) for _ in group]

    def _attempt(self, write: Write) -> Exception | None:
        """Apply one write, or none of it: then the reason why."""
        self._connection.execute("SAVEPOINT one")
        problem = None
        try:
            apply(self._connection, write)
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - a Conflict, or a bug: of this one alone
            self._connection.execute("ROLLBACK TO one")
            problem = error
        self._connection.execute("RELEASE one")
        return problem

    def _roll_back(self) -> None:
        """End the failed transaction, unless SQLite did; the next group tries again if it can't."""
        try:
            self._connection.rollback()
        except sqlite3.Error as error:
            _log.warning("ledger rollback failed", error=str(error))


def unavailable(error: sqlite3.Error) -> errors.Unavailable:
    """What callers are told when SQLite could not read or write the file."""
    return errors.Unavailable(f"ledger: {error}", retry_after_s=RETRY_AFTER_S)
