"""The outbox against the rows that wait in it."""

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
from services.ingest.doctor.standstill import Standstill, standstill
from services.ingest.projects import is_known, note_session
from services.ingest.records import DECIDED, Decided, Pending, Row, RowState, row_key
from services.ledger.interface import ABSENT, Entry, Ledger
from services.records.records import decode, encode
from services.records.scanning import PAGE, scan_pages
from sluice.names import ProjectName, SampleName

STAGE: Final = "outbox"
OUTBOX_PREFIX: Final = "outbox/"


@dataclass(frozen=True, slots=True)
class Stray:
    """An entry that is in the outbox though its match is decided, or does not exist."""

    entry: Entry
    pending: Pending
    row: Row | None

    @property
    def match(self) -> Match:
        """The match that it is about."""
        return self.pending.campaign, self.pending.frame_id

    def finding(self, project: str) -> Finding:
        """What is wrong with it."""
        name = str(SampleName(project, *self.match))
        if self.row is None:
            return Finding(FindingKind.ENTRY_WITHOUT_ROW, name, "a match", "an outbox entry alone")
        state = self.row.state.name.lower().replace("_", " ")
        found = f"{state}, and in the outbox as if it were not"
        return Finding(FindingKind.ENTRY_OF_DECIDED, name, "pending, or no outbox entry", found)


async def examine(
    ingest: Ingest, project: str, *, repair: bool, waiting: set[Match]
) -> ExaminationEvents:
    """Compare the entries of the outbox with their rows, and their number with its counter.

    Puts into `waiting` the decided matches whose sample the outbox still has, out of turn.
    """
    ledger = ingest.stores.ledger
    seen = 0
    async for page in scan_pages(ledger, project, OUTBOX_PREFIX):
        seen += len(page)
        yield ExaminationProgress(STAGE, seen)
        for stray in await _strays(ledger, project, page):
            if stray.row is not None:
                waiting.add(stray.match)
            finding = stray.finding(project)
            yield finding.mark_repaired(repair and await _mend(ingest, project, stray))
    if seen and not await is_known(ledger, project):
        subject = str(ProjectName(project))
        found = Finding(FindingKind.PROJECT_UNKNOWN, subject, "known to the projector", "unknown")
        if repair:
            await note_session(ledger, project)
        yield found.mark_repaired(repair)
    async for event in _examine_counter(ingest, project, repair=repair):
        yield event


async def entries_of(ledger: Ledger, project: str) -> set[Match]:
    """All matches that are in the outbox; as many as that may hold."""
    found = set()
    async for page in scan_pages(ledger, project, OUTBOX_PREFIX):
        for entry in page:
            pending = decode(Pending, entry)
            found.add((pending.campaign, pending.frame_id))
    return found


async def _strays(ledger: Ledger, project: str, page: Iterable[Entry]) -> list[Stray]:
    """The entries of a page that should not be there.

    A row is there before its entry, and a decided one's entry goes in one transaction with the
    list of decided ones: read in this order, an entry that is under way is never taken for stray.
    """
    pending = {entry.key: decode(Pending, entry) for entry in page}
    keys = {place: row_key(p.campaign, p.frame_id) for place, p in pending.items()}
    rows = await ledger.get(project, list(keys.values()))
    suspects = []
    for entry in page:
        at = rows.get(keys[entry.key])
        row = decode(Row, at) if at is not None else None
        if row is None or row.state is not RowState.PENDING:
            suspects.append(Stray(entry, pending[entry.key], row))
    if not suspects:
        return []
    listed = (await ledger.get(project, [DECIDED])).get(DECIDED)
    decided = set(decode(Decided, listed).entries) if listed else set()
    still = await ledger.get(project, [stray.entry.key for stray in suspects])
    return [s for s in suspects if s.entry.key in still and s.entry.key not in decided]


async def _mend(ingest: Ingest, project: str, stray: Stray) -> bool:
    async with standstill(ingest, project) as still:
        if still is None:
            return False
        checks = {stray.entry.key: stray.entry.revision}
        if stray.row is None:
            checks[row_key(*stray.match)] = ABSENT
            deletes, adds = [stray.entry.key], {counters.OUTBOX: -1}
            return await still.commit(checks=checks, deletes=deletes, adds=adds)
        return await _list_as_decided(ingest, project, still, stray)


async def _list_as_decided(ingest: Ingest, project: str, still: Standstill, stray: Stray) -> bool:
    """Put the entry on the list of those that the projector brings to their end first."""
    listed = (await ingest.stores.ledger.get(project, [DECIDED])).get(DECIDED)
    entries = decode(Decided, listed).entries if listed else ()
    return await still.commit(
        checks={
            stray.entry.key: stray.entry.revision,
            DECIDED: listed.revision if listed else ABSENT,
        },
        puts={DECIDED: encode(Decided(entries=(*entries, stray.entry.key)))},
    )


async def _examine_counter(ingest: Ingest, project: str, *, repair: bool) -> ExaminationEvents:
    ledger = ingest.stores.ledger
    measured = await _measure(ledger, project)
    if measured is None or measured[0] == measured[1]:
        return
    entries, counter = measured
    subject = f"{ProjectName(project)} outbox"
    finding = Finding(FindingKind.COUNTER, subject, str(entries), str(counter))
    yield finding.mark_repaired(repair and await _correct(ingest, project))


async def _correct(ingest: Ingest, project: str) -> bool:
    async with standstill(ingest, project) as still:
        measured = await _measure(ingest.stores.ledger, project)
        if still is None or measured is None:
            return False
        entries, counter = measured
        return await still.commit(adds={counters.OUTBOX: entries - counter})


async def _measure(ledger: Ledger, project: str) -> tuple[int, int] | None:
    """How many entries there are and the counter says, if nothing came or went meanwhile."""
    for _ in range(3):
        before = await _witnesses(ledger, project)
        entries = 0
        async for page in scan_pages(ledger, project, OUTBOX_PREFIX, PAGE):
            entries += len(page)
        if await _witnesses(ledger, project) == before:
            return entries, before[counters.OUTBOX]
    return None


async def _witnesses(ledger: Ledger, project: str) -> dict[str, int]:
    """Counters that cannot all be the same after an entry came or went."""
    rows = (Count.PENDING, Count.NEAR_DUPLICATE, Count.COLLECTED)
    names = [count.of(c) for c in await campaigns(ledger, project) for count in rows]
    return await ledger.counters(project, [counters.OUTBOX, *names])


async def pending_without_entry(
    ledger: Ledger, project: str, pending: list[Match]
) -> list[Finding]:
    """Those of the matches, read as pending before, that nobody will ever decide.

    An entry stays from before its row can be read until after it is decided: one that is pending
    before and after the outbox was read, and was not in it, has none.
    """
    entries = await entries_of(ledger, project)
    keys = {row_key(*match): match for match in pending if match not in entries}
    rows = await ledger.get(project, list(keys))
    return [
        Finding(
            FindingKind.PENDING_WITHOUT_ENTRY,
            str(SampleName(project, *keys[key])),
            "an outbox entry with its vector",
            "pending for good: the vector is lost",
            FindingOutcome.LOST,
        )
        for key, entry in rows.items()
        if decode(Row, entry).state is RowState.PENDING
    ]
