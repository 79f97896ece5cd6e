"""Forgetting sessions: each is known for 90 days after its last batch.

Sessions are listed by the day of their last batch, in the transaction that records it. So the old
ones are found without reading the others. A session from before that listing is listed with its
next batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Final

import structlog

from services.ingest.context import Ingest
from services.ingest.projects import list_projects
from services.ingest.records import (
    OUTCOMES_KEPT,
    SESSION_DAYS,
    Session,
    outcome_key,
    session_day_key,
    session_key,
)
from services.ledger.interface import ABSENT, Conflict, Entry, Transaction
from services.records.records import decode, segments

KEPT_US: Final = 90 * 86_400 * 1_000_000
"""How long a session is known after its last batch."""

SWEEP_INTERVAL_S: Final = 3_600.0

_PAGE: Final = 100

log = structlog.get_logger()


def day_of(time_us: int) -> str:
    """The UTC day of a time, microseconds since 1970; days sort by name."""
    return datetime.fromtimestamp(time_us / 1e6, tz=UTC).date().isoformat()


async def forget_sessions(ingest: Ingest, project: str) -> int:
    """Forget the sessions of a project that sent nothing for 90 days; returns how many.

    It reads only the days that are over, one page each time.
    """
    cutoff = session_day_key(day_of(ingest.now_us() - KEPT_US), "")
    forgotten = 0
    while True:
        page = await ingest.stores.ledger.scan(project, SESSION_DAYS, limit=_PAGE)
        old = [entry for entry in page if entry.key < cutoff]
        for entry in old:
            forgotten += await _forget(ingest, project, entry)
        if len(old) < _PAGE:
            return forgotten


async def _forget(ingest: Ingest, project: str, listed: Entry) -> bool:
    """Forget a session, unless it sends a batch at this moment."""
    _, day, session = segments(listed.key)
    key = session_key(session)
    entry = (await ingest.stores.ledger.get(project, [key])).get(key)
    is_old = entry is not None and day_of(decode(Session, entry).updated_us) == day
    deletes = [listed.key]
    if is_old:
        deletes += [key, *(outcome_key(session, seq) for seq in range(OUTCOMES_KEPT))]
    checks = {key: entry.revision if entry else ABSENT, listed.key: listed.revision}
    try:
        await ingest.stores.ledger.commit(Transaction(project, checks, deletes=deletes))
    except Conflict:
        return False
    return is_old


class SessionSweeper:
    """Forgets old sessions of all projects, at the start and every hour."""

    def __init__(self, ingest: Ingest, interval_s: float = SWEEP_INTERVAL_S) -> None:
        self._ingest = ingest
        self._interval_s = interval_s

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sweep until the block is left; a sweep that is interrupted is completed later."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            try:
                for project in await list_projects(self._ingest.stores.ledger):
                    if count := await forget_sessions(self._ingest, project):
                        log.info("sessions.forgotten", project=project, sessions=count)
            except Exception:
                log.exception("sessions.sweep_failed")
            await asyncio.sleep(self._interval_s)
