"""Deleting samples of a campaign, and all copies of frames in a project.

The row of a match stays without its content, for the counters follow from the rows. Everything
else is deleted: document, listing entries, outbox entry, and the point in the vector store. Each
step can be repeated, so a call that was interrupted is completed by the next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.ingest import counters
from services.ingest.context import Ingest
from services.ingest.counters import Count
from services.ingest.points import sample_point, tenant_of
from services.ingest.projector_pause import ProjectorPause, pause_projector
from services.ingest.records import (
    TOMBSTONES,
    PendingMatch,
    Row,
    RowState,
    document_key,
    order_keys,
    row_key,
)
from services.ingest.samples import not_a_sample
from services.ledger.interface import Entry
from services.records.records import decode, encode
from services.records.scanning import list_children, scan_pages
from services.records.tombstones import DeletionCounts, check_frame_ids
from services.vectors.interface import Kind
from sluice.errors import Aborted, Unavailable
from sluice.names import CampaignName, ProjectName

MATCHES_PER_COMMIT: Final = 200
ATTEMPTS: Final = 8
"""Attempts to purge rows that are being reviewed."""

_Match = tuple[str, str]
"""The ids of a campaign and of a frame."""


async def delete_samples(
    ingest: Ingest, campaign: CampaignName, frame_ids: Sequence[str], *, validate_only: bool
) -> DeletionCounts:
    """Delete samples of a campaign, which are not collected again; the counters stay.

    Raises NotFound naming a frame that is not a sample of the campaign, and never was.
    """
    check_frame_ids(frame_ids)
    matches = [(campaign.campaign, frame_id) for frame_id in frame_ids]
    rows = await _read_rows(ingest, campaign.project, matches)
    for match in matches:
        row = rows.get(match)
        if row is None or decode(Row, row).state is not RowState.COLLECTED:
            raise not_a_sample(campaign, match[1])
    if not validate_only:
        await _purge_matches(ingest, campaign.project, matches)
    return DeletionCounts(samples=len(matches))


async def purge_frames(
    ingest: Ingest, name: ProjectName, frame_ids: Sequence[str], *, validate_only: bool
) -> DeletionCounts:
    """Remove all copies of frames from a project, and never collect them again."""
    check_frame_ids(frame_ids)
    await ingest.active.current(name.project)
    ledger, project = ingest.stores.ledger, name.project
    rows = await _find_matches(ingest, project, frame_ids)
    unpurged = Counter(
        frame_id for (_, frame_id), row in rows.items() if not decode(Row, row).purged_us
    )
    counts = {frame_id: DeletionCounts(samples=unpurged[frame_id]) for frame_id in frame_ids}
    if validate_only:
        return await TOMBSTONES.sum_counts(ledger, project, counts)
    total = await TOMBSTONES.put(ledger, project, counts)
    # Read again: what was collected before the tombstones is there now, and no more will come.
    rows = await _find_matches(ingest, project, frame_ids)
    await _purge_matches(ingest, project, list(rows))
    return total


async def _find_matches(
    ingest: Ingest, project: str, frame_ids: Sequence[str]
) -> dict[_Match, Entry]:
    """The rows of frames in all campaigns."""
    rows: dict[_Match, Entry] = {}
    for campaign in await list_children(ingest.stores.ledger, project, "row"):
        rows |= await _read_rows(ingest, project, [(campaign, id) for id in frame_ids])
    return rows


async def _read_rows(
    ingest: Ingest, project: str, matches: Sequence[_Match]
) -> dict[_Match, Entry]:
    keys = {row_key(*match): match for match in matches}
    entries = await ingest.stores.ledger.get(project, list(keys))
    return {keys[key]: entry for key, entry in entries.items()}


async def _purge_matches(ingest: Ingest, project: str, matches: Sequence[_Match]) -> None:
    """Purge rows, and delete their points, while the projector cannot write them.

    Raises Unavailable if the projector cannot be paused.
    """
    if not matches:
        return
    async with pause_projector(ingest, project) as pause:
        if pause is None:
            raise Unavailable("the projector cannot be paused; try again", retry_after_s=1)
        outbox = await _find_outbox_entries(ingest, project, set(matches))
        for start in range(0, len(matches), MATCHES_PER_COMMIT):
            page = matches[start : start + MATCHES_PER_COMMIT]
            await _purge_page(ingest, project, pause, page, outbox)
        await _delete_points(ingest, project, matches)


async def _find_outbox_entries(
    ingest: Ingest, project: str, matches: set[_Match]
) -> dict[_Match, str]:
    """The keys of the outbox entries of matches that are pending, or not written yet."""
    entries: dict[_Match, str] = {}
    async for page in scan_pages(ingest.stores.ledger, project, "outbox/"):
        for entry in page:
            pending = decode(PendingMatch, entry)
            if (match := (pending.campaign, pending.frame_id)) in matches:
                entries[match] = entry.key
    return entries


async def _purge_page(
    ingest: Ingest,
    project: str,
    pause: ProjectorPause,
    matches: Sequence[_Match],
    outbox: Mapping[_Match, str],
) -> None:
    for _ in range(ATTEMPTS):
        purge = _MatchPurge(ingest.now_us(), outbox)
        for match, entry in (await _read_rows(ingest, project, matches)).items():
            purge.add(match, entry)
        if not purge.puts or await pause.commit(
            checks=purge.checks, puts=purge.puts, deletes=purge.deletes, adds=purge.adds
        ):
            return
    raise Aborted(f"{ProjectName(project)}: samples are being reviewed by others; try again")


@dataclass(slots=True)
class _MatchPurge:
    """The transaction that purges rows, while it is built."""

    now_us: int
    outbox: Mapping[_Match, str]
    checks: dict[str, int] = field(default_factory=dict)
    puts: dict[str, bytes] = field(default_factory=dict)
    deletes: list[str] = field(default_factory=list)
    adds: Counter[str] = field(default_factory=Counter)

    def add(self, match: _Match, entry: Entry) -> None:
        """Purge a row, unless it is purged already."""
        row = decode(Row, entry)
        if row.purged_us:
            return
        campaign, frame_id = match
        self.checks[entry.key] = entry.revision
        self.puts[entry.key] = encode(_purge_row(row, self.now_us))
        listings = order_keys(campaign, row.version, row.score, frame_id)
        self.deletes += [document_key(campaign, frame_id), *listings]
        if row.state is RowState.PENDING:
            self.adds[Count.PENDING.of(campaign)] -= 1
            self.adds[Count.COLLECTED.of(campaign)] += 1
        if match in self.outbox:
            self.deletes.append(self.outbox[match])
            self.adds[counters.OUTBOX] -= 1


def _purge_row(row: Row, now_us: int) -> Row:
    """What the counters follow from; a pending match counts as collected."""
    state = RowState.COLLECTED if row.state is RowState.PENDING else row.state
    return Row(
        state=state,
        version=row.version,
        score=0.0,
        captured_us=None,
        device="",
        received_us=row.received_us,
        session="",
        logger="",
        review=row.review,
        purged_us=now_us,
    )


async def _delete_points(ingest: Ingest, project: str, matches: Sequence[_Match]) -> None:
    """Delete the points of matches, whichever space they are in."""
    vectors = ingest.stores.vectors
    frames: dict[str, list[str]] = {}
    for campaign, frame_id in matches:
        frames.setdefault(campaign, []).append(frame_id)
    for collection in await vectors.collections(project):
        if collection.kind is Kind.SAMPLES:
            for campaign, frame_ids in frames.items():
                points = [sample_point(project, campaign, frame_id) for frame_id in frame_ids]
                await vectors.delete(collection, tenant_of(project, campaign), points)
