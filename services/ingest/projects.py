"""The projects that have had a session: those the projector looks for work in."""

from __future__ import annotations

from services.ingest.records import Mark
from services.ledger.interface import Ledger, Transaction
from services.records.records import encode, key, prefix, segments

PARTITION = "_ingest"
"""The ledger's partition for records of no single project; no project can have this id."""

_PAGE = 1_000


async def register_project(ledger: Ledger, project: str) -> None:
    """Register a project durably; must precede its first outbox entry."""
    mark = {key("project", project): encode(Mark())}
    await ledger.commit(Transaction(PARTITION, puts=mark))


async def forget_project(ledger: Ledger, project: str) -> None:
    """Remove the registration of a project."""
    await ledger.commit(Transaction(PARTITION, deletes=[key("project", project)]))


async def is_registered(ledger: Ledger, project: str) -> bool:
    """Whether the project is registered."""
    return bool(await ledger.get(PARTITION, [key("project", project)]))


async def list_projects(ledger: Ledger) -> list[str]:
    """All registered projects."""
    projects: list[str] = []
    after = ""
    while page := await ledger.scan(PARTITION, prefix("project"), after=after, limit=_PAGE):
        projects += [segments(entry.key)[-1] for entry in page]
        after = page[-1].key
    return projects
