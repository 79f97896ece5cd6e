"""Searching a stored dataset with the active campaigns, submitting batches as loggers do."""

from __future__ import annotations

import asyncio
import math
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
from sluice.limits import BATCH_MATCHES_MAX, BATCH_ROWS_MAX
from sluice.names import CampaignName, DatasetName
from sluice.scan import BATCH_FLOATS_MAX
from sluice.scoring import Scorer
from sluice.session import SubmitSession
from sluice.tally import ScoredBy
from sluice.tensors import Embeddings
from sluice.thresholds import effective_threshold

LOGGER: Final = "dataset search"


class SearchRecord(Record, frozen=True, kw_only=True):
    """How a search cuts its dataset into batches: the same ones whenever it is resumed.

    It reads the frames with numbers up to `count`.
    """

    count: int
    frames_per_batch: int

    @property
    def batches(self) -> int:
        """How many batches the search submits."""
        return math.ceil(self.count / self.frames_per_batch)

    def numbers(self, batch: int) -> range:
        """The frame numbers of a batch; both start at 1."""
        first = (batch - 1) * self.frames_per_batch + 1
        return range(first, min(batch * self.frames_per_batch, self.count) + 1)


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search's id, its campaigns, by default all active ones, and its threshold override."""

    search_id: str
    campaigns: Sequence[CampaignName] = ()
    threshold: float | None = None


@dataclass(slots=True)
class SearchProgress:
    """Progress of a search; frames count those of earlier calls, `passing` and verdicts do not.

    `verdicts` count matches by (campaign's resource name, verdict in lower case).
    """

    frames_total: int
    frames: int = 0
    passing: int = 0
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    done: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _SearchedCampaigns:
    """The campaigns of a search: their scorer, versions and `(campaigns,)` thresholds."""

    scorer: Scorer
    scored_by: Sequence[ScoredBy]
    thresholds: NDArray[np.float64]


async def search_dataset(
    curation: Curation, name: DatasetName, request: SearchRequest
) -> AsyncIterator[SearchProgress]:
    """Search all frames of a dataset that have embeddings, and report progress.

    Called again under its id, a search resumes after the last acknowledged batch. Raises
    FailedPrecondition without embeddings or without matching campaigns, and the errors of
    ingest for a rejected batch.
    """
    _check(name, request)
    await curation.others.datasets.get(name)
    space = (await read_dataset_frames(curation.stores, name)).record
    if not space.dimension:
        raise FailedPrecondition(f"{name} has no embeddings to search")
    campaigns = await _select_campaigns(curation, name, request, space)
    plan = await _store_plan(curation, name, request, space, len(campaigns.scored_by))
    progress = SearchProgress(plan.count)
    async with _open_session(curation, name, request) as session:
        acknowledged = await asyncio.to_thread(session.open)
        yield progress
        for number in range(1, plan.batches + 1):
            numbers = plan.numbers(number)
            if number <= acknowledged:
                session.pass_over()
            else:
                frames = await _read_embedded(curation, name, numbers)
                embeddings = await embeddings_of(curation.stores, name, frames)
                progress.passing += await asyncio.to_thread(
                    _submit, session, campaigns, frames, embeddings, request.threshold
                )
            progress.frames, progress.verdicts = numbers[-1], session.outcomes.verdicts
            yield progress
        await asyncio.to_thread(session.flush)
    progress.verdicts, progress.done = session.outcomes.verdicts, True
    yield progress


def _check(name: DatasetName, request: SearchRequest) -> None:
    try:
        UUID(request.search_id)
    except ValueError as cause:
        problem = f"{request.search_id!r} is not a UUID"
        raise InvalidArgument.of("search_id", problem) from cause
    for campaign in request.campaigns:
        if campaign.project != name.project:
            problem = f"{str(campaign)!r} is not in projects/{name.project}, the dataset's project"
            raise InvalidArgument.of("campaigns", problem)
    if request.threshold is not None and not 0 <= request.threshold <= 1:
        raise InvalidArgument.of("threshold_override", f"{request.threshold} is not in 0…1")


async def _select_campaigns(
    curation: Curation, name: DatasetName, request: SearchRequest, space: DatasetFrames
) -> _SearchedCampaigns:
    """The active campaigns of the space that the request names, all of them if it names none."""
    active = (await curation.active.current(name.project)).campaigns
    selected = {
        CampaignName(name.project, campaign.campaign): campaign
        for campaign in active.values()
        if _is_of(campaign, space)
    }
    if request.campaigns:
        selected = {key: selected[key] for key in selected if key in request.campaigns}
    vectors = f"vectors of {space.model_id!r} with {space.dimension} dimensions"
    for missing in set(request.campaigns) - selected.keys():
        raise FailedPrecondition(f"{missing} is not active, or does not score {vectors}")
    if not selected:
        raise FailedPrecondition(f"{name}: no active campaign scores {vectors}")
    campaigns = list(selected.values())
    return _SearchedCampaigns(
        await curation.models.scorer([campaign.version for campaign in campaigns]),
        [
            ScoredBy(str(key), campaign.version.number, campaign.version.model_digest)
            for key, campaign in selected.items()
        ],
        np.array([effective_threshold(request.threshold, c.threshold) for c in campaigns]),
    )


def _is_of(campaign: ActiveCampaign, space: DatasetFrames) -> bool:
    version = campaign.version
    return (version.model_id, version.dimension) == (space.model_id, space.dimension)


async def _store_plan(
    curation: Curation,
    name: DatasetName,
    request: SearchRequest,
    space: DatasetFrames,
    campaigns: int,
) -> SearchRecord:
    """The record of the search: the stored one if the search is resumed."""
    ledger, search_key = curation.stores.ledger, key("search", name.dataset, request.search_id)
    rows = min(BATCH_ROWS_MAX, BATCH_FLOATS_MAX // space.dimension, BATCH_MATCHES_MAX // campaigns)
    plan = SearchRecord(
        count=space.count, frames_per_batch=max(1, rows // max(space.rows_per_frame_max, 1))
    )
    checks, puts = {search_key: ABSENT}, {search_key: encode(plan)}
    try:
        await ledger.commit(Transaction(name.project, checks=checks, puts=puts))
    except Conflict:
        stored = await find_record(ledger, name.project, search_key, SearchRecord)
        if stored is not None:
            return stored.record
        raise
    return plan


@asynccontextmanager
async def _open_session(
    curation: Curation, name: DatasetName, request: SearchRequest
) -> AsyncIterator[SubmitSession]:
    project = f"projects/{name.project}"
    session = SubmitSession(
        curation.others.ingest, project, session_id=request.search_id, logger=LOGGER
    )
    try:
        yield session
    finally:
        session.close()


def _submit(
    session: SubmitSession,
    campaigns: _SearchedCampaigns,
    frames: Sequence[DatasetFrame],
    embeddings: Embeddings | None,
    threshold_override: float | None,
) -> int:
    """Score frames and submit them as one batch; returns how many of them are matches."""
    if embeddings is None:
        # Batch numbers follow from frame numbers: the batch is submitted, empty.
        session.submit(no_frames())
        return 0
    scores = campaigns.scorer.score(embeddings.vectors, embeddings.frame_of_row, len(frames)).scores
    scored = ScoredFrames(
        [frame.row.id for frame in frames],
        lambda index: frames[index].frame,
        embeddings,
        scores,
        campaigns.scored_by,
    )
    passing = scores >= campaigns.thresholds
    session.submit(make_batch(scored, passing, threshold_override=threshold_override))
    return int(passing.any(axis=1).sum())


async def _read_embedded(
    curation: Curation, name: DatasetName, numbers: range
) -> list[DatasetFrame]:
    """The frames with those numbers that have embeddings."""
    ledger = curation.stores.ledger
    keys = [number_key(name.dataset, number) for number in numbers]
    entries = await ledger.get(name.project, keys)
    # Numbers of deleted frames are missing.
    ids = [decode(FrameReference, entries[key]).frame_id for key in keys if key in entries]
    summaries = await read_summaries(ledger, name, ids)
    embedded = [summary for summary in summaries.values() if summary.row.vectors]
    return await read_frames(ledger, name, embedded)
