"""The outbox against the rows of its entries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from services.doctor.findings import (
    ExaminationEvents,
    ExaminationProgress,
    Finding,
    FindingKind,
    FindingOutcome,
)
from services.ingest import counters
from services.ingest.context import Ingest
from services.ingest.counters import Count
from services.ingest.doctor.reading import Match, campaigns
from services.ingest.projector_pause import ProjectorPause, pause_projector
from services.ingest.projects import is_registered, register_project
from services.ingest.records import DECIDED, DecidedEntries, PendingMatch, Row, RowState, row_key
from services.ledger.interface import ABSENT, Entry, Ledger
from services.records.records import decode, encode
from services.records.scanning import PAGE, scan_pages
from sluice.names import ProjectName, SampleName

STAGE: Final = "outbox"
OUTBOX_PREFIX: Final = "outbox/"


@dataclass(frozen=True, slots=True)
class StrayEntry:
    """An outbox entry with a match that is decided already, or does not exist."""

    entry: Entry
    pending: PendingMatch
    row: Row | None

    @property
    def match(self) -> Match:
        """The match of the entry."""
        return self.pending.campaign, self.pending.frame_id

    def finding(self, project: str) -> Finding:
        """The finding that names the entry."""
        name = str(SampleName(project, *self.match))
        if self.row is None:
            return Finding(FindingKind.ENTRY_WITHOUT_ROW, name, "a match", "an outbox entry only")
        state = self.row.state.name.lower().replace("_", " ")
        actual = f"{state}, but still in the outbox"
        return Finding(FindingKind.ENTRY_OF_DECIDED, name, "pending, or no outbox entry", actual)


async def examine(
    ingest: Ingest, project: str, *, repair: bool, waiting: set[Match]
) -> ExaminationEvents:
    """Compare the entries of the outbox with their rows, and their number with its counter.

    Adds to `waiting` the decided matches that are still in the outbox, so not written yet.
    """
    ledger = ingest.stores.ledger
    examined = 0
    async for page in scan_pages(ledger, project, OUTBOX_PREFIX):
        examined += len(page)
        yield ExaminationProgress(STAGE, examined)
        for stray in await _find_strays(ledger, project, page):
            if stray.row is not None:
                waiting.add(stray.match)
            finding = stray.finding(project)
            yield finding.mark_repaired(repair and await _repair(ingest, project, stray))
    if examined and not await is_registered(ledger, project):
        kind, subject = FindingKind.PROJECT_UNKNOWN, str(ProjectName(project))
        if repair:
            await register_project(ledger, project)
        yield Finding(kind, subject, "registered with the projector", "missing").mark_repaired(
            repair
        )
    async for event in _examine_counter(ingest, project, repair=repair):
        yield event


async def _read_outbox(ledger: Ledger, project: str) -> set[Match]:
    """All matches in the outbox, which has a limit of entries."""
    matches = set()
    async for page in scan_pages(ledger, project, OUTBOX_PREFIX):
        for entry in page:
            pending = decode(PendingMatch, entry)
            matches.add((pending.campaign, pending.frame_id))
    return matches


async def _find_strays(ledger: Ledger, project: str, page: Iterable[Entry]) -> list[StrayEntry]:
    """The entries of a page that should not be in the outbox.

    A row is written no later than its entry, and a decided entry is deleted in one transaction
    with the list of decided entries: read in this order, an entry in progress is never a stray.
    """
    pending = {entry.key: decode(PendingMatch, entry) for entry in page}
    keys = {
        entry_key: row_key(match.campaign, match.frame_id) for entry_key, match in pending.items()
    }
    rows = await ledger.get(project, list(keys.values()))
    suspects = []
    for entry in page:
        row_entry = rows.get(keys[entry.key])
        row = decode(Row, row_entry) if row_entry is not None else None
        if row is None or row.state is not RowState.PENDING:
            suspects.append(StrayEntry(entry, pending[entry.key], row))
    if not suspects:
        return []
    listed = (await ledger.get(project, [DECIDED])).get(DECIDED)
    decided = set(decode(DecidedEntries, listed).entries) if listed else set()
    remaining = await ledger.get(project, [stray.entry.key for stray in suspects])
    return [
        stray
        for stray in suspects
        if stray.entry.key in remaining and stray.entry.key not in decided
    ]


async def _repair(ingest: Ingest, project: str, stray: StrayEntry) -> bool:
    async with pause_projector(ingest, project) as pause:
        if pause is None:
            return False
        checks = {stray.entry.key: stray.entry.revision}
        if stray.row is None:
            checks[row_key(*stray.match)] = ABSENT
            deletes, adds = [stray.entry.key], {counters.OUTBOX: -1}
            return await pause.commit(checks=checks, deletes=deletes, adds=adds)
        return await _list_as_decided(ingest, project, pause, stray)


async def _list_as_decided(
    ingest: Ingest, project: str, pause: ProjectorPause, stray: StrayEntry
) -> bool:
    """Add the entry to the list of decided entries, which the projector writes first."""
    listed = (await ingest.stores.ledger.get(project, [DECIDED])).get(DECIDED)
    entries = decode(DecidedEntries, listed).entries if listed else ()
    return await pause.commit(
        checks={
            stray.entry.key: stray.entry.revision,
            DECIDED: listed.revision if listed else ABSENT,
        },
        puts={DECIDED: encode(DecidedEntries(entries=(*entries, stray.entry.key)))},
    )


async def _examine_counter(ingest: Ingest, project: str, *, repair: bool) -> ExaminationEvents:
    ledger = ingest.stores.ledger
    counts = await _count_entries(ledger, project)
    if counts is None or counts[0] == counts[1]:
        return
    entries, counter = counts
    subject = f"{ProjectName(project)} outbox"
    finding = Finding(FindingKind.COUNTER, subject, str(entries), str(counter))
    yield finding.mark_repaired(repair and await _repair_counter(ingest, project))


async def _repair_counter(ingest: Ingest, project: str) -> bool:
    async with pause_projector(ingest, project) as pause:
        counts = await _count_entries(ingest.stores.ledger, project)
        if pause is None or counts is None:
            return False
        entries, counter = counts
        return await pause.commit(adds={counters.OUTBOX: entries - counter})


async def _count_entries(ledger: Ledger, project: str) -> tuple[int, int] | None:
    """The number of entries and its counter; None if entries come and go during the count."""
    for _ in range(3):
        before = await _read_change_counters(ledger, project)
        entries = 0
        async for page in scan_pages(ledger, project, OUTBOX_PREFIX, PAGE):
            entries += len(page)
        if await _read_change_counters(ledger, project) == before:
            return entries, before[counters.OUTBOX]
    return None


async def _read_change_counters(ledger: Ledger, project: str) -> dict[str, int]:
    """Counters of which at least one changes whenever an entry is added or deleted."""
    rows = (Count.PENDING, Count.NEAR_DUPLICATE, Count.COLLECTED)
    names = [count.of(campaign) for campaign in await campaigns(ledger, project) for count in rows]
    return await ledger.counters(project, [counters.OUTBOX, *names])


async def find_pending_without_entry(
    ledger: Ledger, project: str, pending: list[Match]
) -> list[Finding]:
    """Findings for the pending matches that have no outbox entry, and so will never be decided.

    `pending` were read before the outbox. A match has its entry for as long as it is pending: one
    that is pending before and after the outbox was read, and was not in it, has lost its entry.
    """
    entries = await _read_outbox(ledger, project)
    keys = {row_key(*match): match for match in pending if match not in entries}
    rows = await ledger.get(project, list(keys))
    return [
        Finding(
            FindingKind.PENDING_WITHOUT_ENTRY,
            str(SampleName(project, *keys[key])),
            "an outbox entry with its vector",
            "no outbox entry: the vector is lost",
            FindingOutcome.LOST,
        )
        for key, entry in rows.items()
        if decode(Row, entry).state is RowState.PENDING
    ]
