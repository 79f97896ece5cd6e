"""Group commit: one thread applies all transactions that wait for it in one SQLite transaction."""

from __future__ import annotations

import sqlite3
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread

import structlog

from services.ledger.encoding import EncodedTransaction
from services.ledger.sqlite.apply import apply
from sluice import errors

GROUP_COMMITS_MAX = 256
GROUP_BYTES_MAX = 16 * 2**20
RETRY_AFTER_S = 1.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _PendingCommit:
    """A transaction whose caller is waiting."""

    transaction: EncodedTransaction
    outcome: Future[None] = field(default_factory=Future)


class SqliteWriter:
    """Applies transactions in the order of their submission, grouped into SQLite transactions.

    A disk syncs a hundred commits about as fast as one, so those that arrive during a sync share
    the next one. No caller is answered before the shared SQLite transaction is durable. That
    holds for a Conflict too, since it may depend on a change that would be lost with the group.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._queue: SimpleQueue[_PendingCommit | None] = SimpleQueue()
        self._closing = False
        self._thread = Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    def submit(self, transaction: EncodedTransaction) -> Future[None]:
        """Queue the transaction; the future ends when it is durable or rejected."""
        pending = _PendingCommit(transaction)
        self._queue.put(pending)
        return pending.outcome

    def close(self) -> None:
        """Commit what was submitted and end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            for pending, problem in zip(group, self._commit(group), strict=True):
                if problem is None:
                    pending.outcome.set_result(None)
                else:
                    pending.outcome.set_exception(problem)

    def _next_group(self) -> list[_PendingCommit]:
        """Wait for a commit, then take all that are queued already; nothing once closed."""
        group: list[_PendingCommit] = []
        size_bytes = 0
        while len(group) < GROUP_COMMITS_MAX and size_bytes < GROUP_BYTES_MAX and not self._closing:
            try:
                pending = self._queue.get(block=not group)
            except Empty:
                break
            if pending is None:
                self._closing = True
            elif pending.outcome.set_running_or_notify_cancel():
                group.append(pending)
                size_bytes += pending.transaction.size_bytes
        return group

    def _commit(self, group: list[_PendingCommit]) -> list[Exception | None]:
        """The problem of each commit; None when it is durable."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            problems = [self._apply(pending.transaction) for pending in group]
            self._connection.execute("COMMIT")
            return problems
        except sqlite3.Error as error:
            _log.warning("ledger commit failed", commits=len(group), error=str(error))
            self._roll_back()
            return [to_unavailable(error) for _ in group]

    def _apply(self, transaction: EncodedTransaction) -> Exception | None:
        """Apply one transaction, or nothing of it and return the problem."""
        self._connection.execute("SAVEPOINT one")
        problem = None
        try:
            apply(self._connection, transaction)
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - a Conflict or a bug, in this transaction alone
            self._connection.execute("ROLLBACK TO one")
            problem = error
        self._connection.execute("RELEASE one")
        return problem

    def _roll_back(self) -> None:
        """End the failed transaction, unless SQLite did; if this fails, the next group retries."""
        try:
            self._connection.rollback()
        except sqlite3.Error as error:
            _log.warning("ledger rollback failed", error=str(error))


def to_unavailable(error: sqlite3.Error) -> errors.Unavailable:
    """The error for a file that SQLite could not read or write."""
    return errors.Unavailable(f"ledger: {error}", retry_after_s=RETRY_AFTER_S)
