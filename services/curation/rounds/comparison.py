"""The walk over a dataset that compares predictions with labels, frame by frame."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass

from services.curation.context import Curation
from services.curation.datasets.frames import FrameSummary, read_frames, scan_summaries
from services.curation.records import STATUS_ORDER, Split, Status
from services.curation.rounds.outcomes import FrameOutcome, MatchRule, compare
from services.curation.rounds.predictions import read_predictions
from services.curation.rounds.rounds import dataset_of
from services.peers.datasets import Dataset
from sluice.names import RoundName


@dataclass(frozen=True, slots=True)
class FrameComparison:
    """A frame, and what its predictions are worth; None: it does not count."""

    summary: FrameSummary
    outcome: FrameOutcome | None


async def compare_frames(
    curation: Curation, name: RoundName, dataset: Dataset, selection: tuple[Collection[Split], MatchRule]
) -> AsyncIterator[list[FrameComparison]]:
    """All frames of the dataset page by page; those of some splits count.

    Of these splits, those that are annotated and have predictions in the round.
    """
    splits, rule = selection
    async for page in scan_summaries(curation.stores.ledger, dataset_of(name)):
        counting = [
            summary
            for summary in page
            if summary.group.split in splits
            and STATUS_ORDER[summary.group.status] >= STATUS_ORDER[Status.ANNOTATED]
        ]
        outcomes = await _outcomes(curation, name, dataset, (counting, rule))
        yield [FrameComparison(summary, outcomes.get(summary.row.id)) for summary in page]


async def _outcomes(
    curation: Curation,
    name: RoundName,
    dataset: Dataset,
    selection: tuple[Sequence[FrameSummary], MatchRule],
) -> dict[str, FrameOutcome]:
    summary, rule = selection
    predictions = await read_predictions(curation, name, [summary.row.id for summary in summary])
    frames = [summary for summary in summary if summary.row.id in predictions]
    frames = await read_frames(curation.stores.ledger, dataset_of(name), frames)

    def compare_all() -> dict[str, FrameOutcome]:
        return {
            summary.row.id: compare(
                dataset.task_type,
                summary.frame.labels,
                predictions[summary.row.id].predictions,
                rule,
            )
            for summary in frames
        }

    return await asyncio.to_thread(compare_all)
