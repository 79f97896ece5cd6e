"""Searching a stored dataset with the active campaigns, through the path that streams take."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.curation.context import Curation
from services.curation.datasets.counts import read_dataset_frames
from services.curation.datasets.frames import (
    DatasetFrame,
    embeddings_of,
    read_frames,
    read_summaries,
)
from services.curation.records import DatasetFrames, FrameReference, number_key
from services.ledger.interface import ABSENT, Conflict, Transaction
from services.peers.active import ActiveCampaign
from services.records.documents import find_record
from services.records.records import Record, decode, encode, key
from sluice.batches import ScoredFrames, make_batch, no_frames
from sluice.errors import FailedPrecondition, InvalidArgument
from sluice.limits import BATCH_MATCHES_MAX, BATCH_ROWS_MAX, THRESHOLD_DEFAULT
from sluice.names import CampaignName, DatasetName
from sluice.scan import BATCH_FLOATS_MAX
from sluice.scoring import Scorer
from sluice.session import SubmitSession
from sluice.tally import ScoredBy

LOGGER: Final = "dataset search"


class SearchRecord(Record, frozen=True, kw_only=True):
    """How a search cuts its dataset into batches: the same ones each time that it goes on.

    It reads the frames with numbers up to `count`.
    """

    count: int
    frames_per_batch: int


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """Which search: its id, its campaigns (all, where there are none), its own threshold."""

    search_id: str
    campaigns: Sequence[CampaignName] = ()
    threshold: float | None = None


@dataclass(slots=True)
class SearchProgress:
    """How far a search is: frames of earlier calls are counted, what became of them is not.

    `verdicts` count matches by (campaign's resource name, verdict in lower case).
    """

    frames_total: int
    frames: int = 0
    passing: int = 0
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    done: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Campaigns:
    """What frames are scored for."""

    scorer: Scorer
    scored_by: Sequence[ScoredBy]
    thresholds: NDArray[np.float64]


async def search_dataset(
    curation: Curation, name: DatasetName, wanted: SearchRequest
) -> AsyncIterator[SearchProgress]:
    """Search all frames of a dataset that have embeddings, and say how far it is.

    Called again under its id it goes on behind the last batch that was acknowledged. Raises
    FailedPrecondition where there is nothing to search or no campaign to search for, and what a
    batch was refused with.
    """
    _check(name, wanted)
    await curation.others.datasets.get(name)
    space = (await read_dataset_frames(curation.stores, name)).record
    if not space.dimension:
        raise FailedPrecondition(f"{name} has no embeddings to search")
    campaigns = await _campaigns(curation, name, wanted, space)
    plan = await _plan(curation, name, wanted, space, len(campaigns.scored_by))
    progress = SearchProgress(plan.count)
    async with _session(curation, name, wanted) as session:
        acknowledged = await asyncio.to_thread(session.open)
        yield progress
        for number in range(1, -(-plan.count // plan.frames_per_batch) + 1):
            last = min(number * plan.frames_per_batch, plan.count)
            if number <= acknowledged:
                session.pass_over()
            else:
                first = (number - 1) * plan.frames_per_batch + 1
                await _submit(curation, name, campaigns, session, (first, last, wanted, progress))
            progress.frames, progress.verdicts = last, session.outcomes.verdicts
            yield progress
        await asyncio.to_thread(session.flush)
    progress.verdicts, progress.done = session.outcomes.verdicts, True
    yield progress


def _check(name: DatasetName, wanted: SearchRequest) -> None:
    try:
        UUID(wanted.search_id)
    except ValueError as cause:
        problem = f"{wanted.search_id!r} is not a UUID"
        raise InvalidArgument.of("search_id", problem) from cause
    for campaign in wanted.campaigns:
        if campaign.project != name.project:
            raise InvalidArgument.of("campaigns", f"{str(campaign)!r} is not of {name}'s project")
    if wanted.threshold is not None and not 0 <= wanted.threshold <= 1:
        raise InvalidArgument.of("threshold_override", f"{wanted.threshold} is not in 0…1")


async def _campaigns(
    curation: Curation, name: DatasetName, wanted: SearchRequest, space: DatasetFrames
) -> _Campaigns:
    active = (await curation.active.current(name.project)).campaigns
    of_space = [each for each in active.values() if _is_of(each, space)]
    chosen = [c for c in of_space if not wanted.campaigns or _name(name, c) in wanted.campaigns]
    for missing in set(wanted.campaigns) - {_name(name, each) for each in chosen}:
        raise FailedPrecondition(
            f"{missing} is not active, or scores no vectors of {space.model_id!r} with "
            f"{space.dimension} dimensions"
        )
    if not chosen:
        raise FailedPrecondition(
            f"{name}: no active campaign scores vectors of {space.model_id!r} with "
            f"{space.dimension} dimensions"
        )
    thresholds = [
        each.threshold if each.threshold is not None else THRESHOLD_DEFAULT for each in chosen
    ]
    if wanted.threshold is not None:
        thresholds = [wanted.threshold] * len(chosen)
    return _Campaigns(
        await curation.models.scorer([each.version for each in chosen]),
        [ScoredBy(str(_name(name, c)), c.version.number, c.version.model_digest) for c in chosen],
        np.array(thresholds),
    )


def _name(name: DatasetName, campaign: ActiveCampaign) -> CampaignName:
    return CampaignName(name.project, campaign.campaign)


def _is_of(campaign: ActiveCampaign, space: DatasetFrames) -> bool:
    version = campaign.version
    return (version.model_id, version.dimension) == (space.model_id, space.dimension)


async def _plan(
    curation: Curation,
    name: DatasetName,
    wanted: SearchRequest,
    space: DatasetFrames,
    campaigns: int,
) -> SearchRecord:
    """How the search cuts the dataset, as it was said when it began."""
    where, ledger = key("search", name.dataset, wanted.search_id), curation.stores.ledger
    rows = min(BATCH_ROWS_MAX, BATCH_FLOATS_MAX // space.dimension, BATCH_MATCHES_MAX // campaigns)
    plan = SearchRecord(
        count=space.count, frames_per_batch=max(1, rows // max(space.rows_per_frame_max, 1))
    )
    try:
        begin = Transaction(name.project, checks={where: ABSENT}, puts={where: encode(plan)})
        await ledger.commit(begin)
    except Conflict:
        found = await find_record(ledger, name.project, where, SearchRecord)
        if found is not None:
            return found.record
        raise
    return plan


@asynccontextmanager
async def _session(
    curation: Curation, name: DatasetName, wanted: SearchRequest
) -> AsyncIterator[SubmitSession]:
    project = f"projects/{name.project}"
    session = SubmitSession(
        curation.others.ingest, project, session_id=wanted.search_id, logger=LOGGER
    )
    try:
        yield session
    finally:
        session.close()


async def _submit(
    curation: Curation,
    name: DatasetName,
    campaigns: _Campaigns,
    session: SubmitSession,
    what: tuple[int, int, SearchRequest, SearchProgress],
) -> None:
    """Score the frames of some numbers and submit them as one batch."""
    first, last, wanted, progress = what
    frames = await _read(curation, name, range(first, last + 1))
    embeddings = await embeddings_of(curation.stores, name, frames)
    if embeddings is None:
        # Nothing to score, and yet a batch: those after it have their numbers by where they start.
        await asyncio.to_thread(session.submit, no_frames())
        return
    scores = await asyncio.to_thread(
        campaigns.scorer.score, embeddings.vectors, embeddings.frame_of_row, len(frames)
    )
    scored = ScoredFrames(
        [frame.row.id for frame in frames],
        lambda index: frames[index].frame,
        embeddings,
        scores.scores,
        campaigns.scored_by,
    )
    passing = scores.scores >= campaigns.thresholds
    progress.passing += int(passing.any(axis=1).sum())
    batch = make_batch(scored, passing, threshold_override=wanted.threshold)
    await asyncio.to_thread(session.submit, batch)


async def _read(curation: Curation, name: DatasetName, numbers: range) -> list[DatasetFrame]:
    """The frames of those numbers that have embeddings."""
    ledger = curation.stores.ledger
    keys = [number_key(name.dataset, number) for number in numbers]
    entries = await ledger.get(name.project, keys)
    ids = [decode(FrameReference, entries[where]).frame_id for where in keys]
    known = await read_summaries(ledger, name, ids)
    embedded = [known[frame_id] for frame_id in ids if known[frame_id].row.vectors]
    return await read_frames(ledger, name, embedded)
