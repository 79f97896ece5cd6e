"""Deleting frames from a project, with all their copies; see docs/adr/0025-deletion.md.

A record names the frames until every service has removed its copies, so that the doctor can
complete a deletion that was interrupted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.curation.context import Curation
from services.curation.datasets.deleted_frames import TOMBSTONES
from services.curation.datasets.frame_purge import count_frames_of, purge_datasets
from services.ledger.interface import Ledger, Transaction
from services.records.points import create_point_id, made_us
from services.records.records import Record, decode, encode, key, prefix, segments
from services.records.scanning import scan_pages
from services.records.tombstones import DeletionCounts, check_frame_ids
from sluice.names import ProjectName


class FramesDeletion(Record, frozen=True, kw_only=True):
    """A deletion that is running, or was interrupted."""

    frame_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PendingFramesDeletion:
    """A stored deletion; `started_us` is when it began, microseconds since 1970, UTC."""

    key: str
    frame_ids: tuple[str, ...]
    started_us: int


async def delete_frames(
    curation: Curation, name: ProjectName, frame_ids: Sequence[str], *, validate_only: bool
) -> DeletionCounts:
    """Delete frames with all their copies; the answer is the same when it is called again.

    Raises NotFound for a project that does not exist, and Unavailable while another service is
    away; the deletion has begun then, and is completed by the same call or by the doctor.
    """
    check_frame_ids(frame_ids)
    await curation.active.current(name.project)
    stores, others = curation.stores, curation.others.purges
    counts = await count_frames_of(stores, name, frame_ids)
    if validate_only:
        return (
            await TOMBSTONES.sum_counts(stores.ledger, name.project, counts)
            + await others.purge_ingest(name, frame_ids, validate_only=True)
            + await others.purge_campaign(name, frame_ids, validate_only=True)
        )
    # The id holds the time, from which the doctor knows an interrupted deletion.
    pending = key("deleting-frames", create_point_id().hex)
    puts = {pending: encode(FramesDeletion(frame_ids=tuple(frame_ids)))}
    total = await TOMBSTONES.put(stores.ledger, name.project, counts, puts)
    return total + await finish_deletion(curation, name, pending, frame_ids)


async def finish_deletion(
    curation: Curation, name: ProjectName, pending: str, frame_ids: Sequence[str]
) -> DeletionCounts:
    """Remove all copies of frames that have tombstones; what other services removed."""
    # Copies move from datasets to samples, and from both to versions: purged in this order, no
    # service gets a frame again.
    await purge_datasets(curation.stores, name, frame_ids)
    others = curation.others.purges
    counts = await others.purge_ingest(name, frame_ids, validate_only=False)
    counts += await others.purge_campaign(name, frame_ids, validate_only=False)
    await curation.stores.ledger.commit(Transaction(name.project, deletes=[pending]))
    return counts


async def read_pending_deletions(
    ledger: Ledger, project: str
) -> AsyncIterator[PendingFramesDeletion]:
    """The deletions that are running, or were interrupted."""
    async for page in scan_pages(ledger, project, prefix("deleting-frames")):
        for entry in page:
            started_us = made_us(UUID(segments(entry.key)[-1]))
            frame_ids = decode(FramesDeletion, entry).frame_ids
            yield PendingFramesDeletion(entry.key, frame_ids, started_us)
