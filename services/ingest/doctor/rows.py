"""Each row against its document, its places in the listings, its outbox entry and its sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.doctor.findings import (
    ExaminationEvents,
    ExaminationProgress,
    Finding,
    FindingKind,
    FindingOutcome,
)
from services.ingest.context import Ingest
from services.ingest.doctor.outbox import pending_without_entry
from services.ingest.doctor.reading import Match
from services.ingest.doctor.samples import Collected, examine_samples
from services.ingest.records import (
    Mark,
    Row,
    RowState,
    document_key,
    order_keys,
    row_key,
)
from services.ledger.interface import Conflict, Ledger, Transaction
from services.records.records import decode, encode, segments
from services.records.scanning import scan_pages
from sluice.names import SampleName

PENDING_HELD_MAX: Final = 10_000
"""Pending rows that are looked for in the outbox at once: it is read once for each so many."""

ATTEMPTS: Final = 3
"""How often a mend is tried anew when somebody reviews the sample meanwhile."""


@dataclass(frozen=True, slots=True)
class RowAt:
    """A row, and the match that it is of."""

    match: Match
    row: Row

    def name(self, project: str) -> str:
        """How people know it."""
        return str(SampleName(project, *self.match))


async def examine(
    ingest: Ingest, project: str, *, repair: bool, waiting: set[Match]
) -> ExaminationEvents:
    """Compare every row with all that goes with it; `waiting` are samples known to come yet."""
    ledger = ingest.stores.ledger
    pending: list[Match] = []
    seen = 0
    async for page in scan_pages(ledger, project, "row/"):
        seen += len(page)
        yield ExaminationProgress("rows", seen)
        rows = [RowAt(_match(entry.key), decode(Row, entry)) for entry in page]
        for finding in await _without_document(ledger, project, rows):
            yield finding
        collected = [at for at in rows if at.row.state is RowState.COLLECTED]
        for finding in await _not_listed(ledger, project, collected, repair=repair):
            yield finding
        samples = [Collected(at.match, at.row) for at in collected if at.match not in waiting]
        async for event in examine_samples(ingest, project, samples, repair=repair):
            yield event
        pending += [at.match for at in rows if at.row.state is RowState.PENDING]
        if len(pending) >= PENDING_HELD_MAX:
            for finding in await pending_without_entry(ledger, project, pending):
                yield finding
            pending.clear()
    if pending:
        for finding in await pending_without_entry(ledger, project, pending):
            yield finding


def _match(key: str) -> Match:
    _, campaign, frame_id = segments(key)
    return campaign, frame_id


async def _without_document(ledger: Ledger, project: str, rows: Sequence[RowAt]) -> list[Finding]:
    """The rows without a document; both are put by one transaction, so it must be there."""
    keys = {document_key(*at.match): at for at in rows}
    found = await ledger.get(project, list(keys))
    return [
        Finding(
            FindingKind.DOCUMENT_MISSING,
            at.name(project),
            "the frame and its explanation",
            "nothing: the document is lost",
            FindingOutcome.LOST,
        )
        for key, at in keys.items()
        if key not in found
    ]


async def _not_listed(
    ledger: Ledger, project: str, rows: Sequence[RowAt], *, repair: bool
) -> list[Finding]:
    """The samples that are missing in a listing; a decision puts row and places at once."""
    places = {at.match: _places(at.match, at.row) for at in rows}
    found = await ledger.get(project, [key for keys in places.values() for key in keys])
    findings = []
    for at in rows:
        missing = [key for key in places[at.match] if key not in found]
        if missing:
            listings = " and ".join(key.partition("/")[0] for key in missing)
            kind = FindingKind.LISTING_MISSING
            finding = Finding(kind, at.name(project), f"listed {listings}", "not listed there")
            findings.append(
                finding.mark_repaired(repair and await _list(ledger, project, at.match))
            )
    return findings


def _places(match: Match, row: Row) -> tuple[str, str]:
    campaign, frame_id = match
    return order_keys(campaign, row.version, row.score, frame_id)


async def _list(ledger: Ledger, project: str, match: Match) -> bool:
    where = row_key(*match)
    for _ in range(ATTEMPTS):
        entry = (await ledger.get(project, [where])).get(where)
        if entry is None or (row := decode(Row, entry)).state is not RowState.COLLECTED:
            return False
        puts = dict.fromkeys(_places(match, row), encode(Mark()))
        try:
            await ledger.commit(Transaction(project, checks={where: entry.revision}, puts=puts))
        except Conflict:
            continue
        return True
    return False
