"""Each row against its document, its listing entries, its outbox entry and its sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.doctor.findings import (
    ExaminationEvents,
    ExaminationProgress,
    Finding,
    FindingKind,
    FindingOutcome,
)
from services.ingest.context import Ingest
from services.ingest.doctor.outbox import find_pending_without_entry
from services.ingest.doctor.reading import Match
from services.ingest.doctor.samples import MatchRow, find_wrong_samples
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

PENDING_HELD_MAX: Final = 10_000
"""Pending rows that are compared with the outbox at once; it is read once for each group."""

REPAIR_ATTEMPTS: Final = 3
"""Attempts to repair a listing while the sample is being reviewed."""


async def examine(
    ingest: Ingest, project: str, *, repair: bool, waiting: set[Match]
) -> ExaminationEvents:
    """Compare every row with its other records; `waiting` are samples that are not written yet."""
    ledger = ingest.stores.ledger
    pending: list[Match] = []
    examined = 0
    async for page in scan_pages(ledger, project, "row/"):
        examined += len(page)
        yield ExaminationProgress("rows", examined)
        all_rows = [MatchRow(_match_of(entry.key), decode(Row, entry)) for entry in page]
        # A purged row has nothing else.
        rows = [row for row in all_rows if not row.row.purged_us]
        findings = await _find_missing_documents(ledger, project, rows)
        collected = [row for row in rows if row.row.state is RowState.COLLECTED]
        findings += await _find_unlisted(ledger, project, collected, repair=repair)
        samples = [row for row in collected if row.match not in waiting]
        findings += await find_wrong_samples(ingest, project, samples, repair=repair)
        for finding in await _drop_purged(ledger, project, rows, findings):
            yield finding
        pending += [row.match for row in rows if row.row.state is RowState.PENDING]
        if len(pending) >= PENDING_HELD_MAX:
            for finding in await find_pending_without_entry(ledger, project, pending):
                yield finding
            pending.clear()
    if pending:
        for finding in await find_pending_without_entry(ledger, project, pending):
            yield finding


async def _drop_purged(
    ledger: Ledger, project: str, rows: Sequence[MatchRow], findings: Sequence[Finding]
) -> list[Finding]:
    """The findings about rows that were not purged since they were read."""
    if not findings:
        return []
    keys = {row_key(*row.match): row.name(project) for row in rows}
    entries = await ledger.get(project, list(keys))
    purged = {keys[key] for key, entry in entries.items() if decode(Row, entry).purged_us}
    return [finding for finding in findings if finding.subject not in purged]


def _match_of(key: str) -> Match:
    _, campaign, frame_id = segments(key)
    return campaign, frame_id


async def _find_missing_documents(
    ledger: Ledger, project: str, rows: Sequence[MatchRow]
) -> list[Finding]:
    """Findings for rows without a document; one transaction writes both."""
    keys = {document_key(*row.match): row for row in rows}
    documents = await ledger.get(project, list(keys))
    return [
        Finding(
            FindingKind.DOCUMENT_MISSING,
            row.name(project),
            "the frame and its explanation",
            "nothing: the document is lost",
            FindingOutcome.LOST,
        )
        for key, row in keys.items()
        if key not in documents
    ]


async def _find_unlisted(
    ledger: Ledger, project: str, rows: Sequence[MatchRow], *, repair: bool
) -> list[Finding]:
    """Findings for samples that a listing lacks; one transaction writes row and listings."""
    listing_keys = {row.match: _listing_keys(row.match, row.row) for row in rows}
    entries = await ledger.get(project, [key for keys in listing_keys.values() for key in keys])
    findings = []
    for row in rows:
        missing = [key for key in listing_keys[row.match] if key not in entries]
        if missing:
            listings = " and ".join(key.partition("/")[0] for key in missing)
            kind = FindingKind.LISTING_MISSING
            finding = Finding(kind, row.name(project), f"listed {listings}", "not listed there")
            repaired = repair and await _repair_listings(ledger, project, row.match)
            findings.append(finding.mark_repaired(repaired))
    return findings


def _listing_keys(match: Match, row: Row) -> tuple[str, str]:
    campaign, frame_id = match
    return order_keys(campaign, row.version, row.score, frame_id)


async def _repair_listings(ledger: Ledger, project: str, match: Match) -> bool:
    key = row_key(*match)
    for _ in range(REPAIR_ATTEMPTS):
        entry = (await ledger.get(project, [key])).get(key)
        if entry is None or not (row := decode(Row, entry)).is_sample:
            return False
        puts = dict.fromkeys(_listing_keys(match, row), encode(Mark()))
        try:
            await ledger.commit(Transaction(project, checks={key: entry.revision}, puts=puts))
        except Conflict:
            continue
        return True
    return False
