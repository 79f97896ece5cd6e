"""Removing all matches of a deleted campaign; its counters stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from services.ingest import counters
from services.ingest.context import Ingest
from services.ingest.counters import Count
from services.ingest.points import tenant_of
from services.ingest.projector_pause import ProjectorPause, pause_projector
from services.ingest.records import (
    PendingMatch,
    PurgedCampaign,
    Row,
    RowState,
    document_key,
    order_keys,
    purged_campaign_key,
)
from services.ledger.interface import Entry, Transaction
from services.records.records import decode, encode, prefix, segments
from services.records.scanning import scan_pages
from services.records.tombstones import DeletionCounts
from services.vectors.interface import Kind
from sluice.errors import Aborted, Unavailable
from sluice.names import CampaignName

ROWS_PER_COMMIT: Final = 200
ATTEMPTS: Final = 8
"""Attempts to purge rows that are being reviewed."""


async def purge_campaign(
    ingest: Ingest, name: CampaignName, *, validate_only: bool
) -> DeletionCounts:
    """Remove all matches of a campaign, or count them; from now on it takes no more.

    Can be repeated. Raises Unavailable if the projector cannot be paused.
    """
    ledger, rows = ingest.stores.ledger, prefix("row", name.campaign)
    unpurged = 0
    async for page in scan_pages(ledger, name.project, rows):
        unpurged += sum(not decode(Row, entry).purged_us for entry in page)
    counts = DeletionCounts(samples=unpurged)
    if validate_only:
        return counts
    # First, since batches that are under way check that there is none.
    mark = encode(PurgedCampaign(purged_us=ingest.now_us()))
    puts = {purged_campaign_key(name.campaign): mark}
    await ledger.commit(Transaction(name.project, puts=puts))
    async with pause_projector(ingest, name.project) as pause:
        if pause is None:
            raise Unavailable("the projector cannot be paused; try again", retry_after_s=1)
        await _delete_outbox_entries(ingest, name, pause)
        while page := await ledger.scan(name.project, rows, limit=ROWS_PER_COMMIT):
            await _delete_rows(ingest, name, pause, page)
        for collection in await ingest.stores.vectors.collections(name.project):
            if collection.kind is Kind.SAMPLES:
                tenant = tenant_of(name.project, name.campaign)
                await ingest.stores.vectors.delete_tenant(collection, tenant)
    return counts


async def _delete_outbox_entries(ingest: Ingest, name: CampaignName, pause: ProjectorPause) -> None:
    """Delete the campaign's outbox entries, decided ones too."""
    async for page in scan_pages(ingest.stores.ledger, name.project, "outbox/"):
        keys = [e.key for e in page if decode(PendingMatch, e).campaign == name.campaign]
        adds = {counters.OUTBOX: -len(keys)}
        if keys and not await pause.commit(deletes=keys, adds=adds):
            raise Aborted(f"{name}: another process decides its matches; try again")


async def _delete_rows(
    ingest: Ingest, name: CampaignName, pause: ProjectorPause, page: Sequence[Entry]
) -> None:
    for _ in range(ATTEMPTS):
        deletes: list[str] = []
        adds: Counter[str] = Counter()
        for entry in page:
            row, frame_id = decode(Row, entry), segments(entry.key)[-1]
            listings = order_keys(name.campaign, row.version, row.score, frame_id)
            deletes += [entry.key, document_key(name.campaign, frame_id), *listings]
            if row.state is RowState.PENDING:
                adds[Count.PENDING.of(name.campaign)] -= 1
                adds[Count.COLLECTED.of(name.campaign)] += 1
        checks = {entry.key: entry.revision for entry in page}
        if await pause.commit(checks=checks, deletes=deletes, adds=adds):
            return
        entries = await ingest.stores.ledger.get(name.project, [entry.key for entry in page])
        page = list(entries.values())
        if not page:
            return
    raise Aborted(f"{name}: its samples are being reviewed; try again")
