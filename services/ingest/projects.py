"""Which projects have ever had a session: where the projector looks for work after a restart."""

from __future__ import annotations

from services.ingest.records import Mark
from services.ledger.interface import Ledger, Transaction
from services.records.records import encode, key, prefix, segments

PARTITION = "_ingest"
"""The ledger's partition for what belongs to no project; no project can have this id."""

_PAGE = 1_000


async def note_session(ledger: Ledger, project: str) -> None:
    """Make the project known, durably, before anything of it can wait."""
    mark = {key("project", project): encode(Mark())}
    await ledger.commit(Transaction(PARTITION, puts=mark))


async def is_known(ledger: Ledger, project: str) -> bool:
    """Whether the project was made known."""
    return bool(await ledger.get(PARTITION, [key("project", project)]))


async def projects_with_sessions(ledger: Ledger) -> list[str]:
    """All projects that were made known."""
    projects: list[str] = []
    after = ""
    while page := await ledger.scan(PARTITION, prefix("project"), after=after, limit=_PAGE):
        projects += [segments(entry.key)[-1] for entry in page]
        after = page[-1].key
    return projects
