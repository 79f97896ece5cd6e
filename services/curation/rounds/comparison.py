"""Comparing the predictions of a round with the labels of a dataset, page by page."""

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
    """A frame and the outcome of its predictions, None if the frame does not count."""

    summary: FrameSummary
    outcome: FrameOutcome | None


async def compare_frames(
    curation: Curation,
    name: RoundName,
    dataset: Dataset,
    splits: Collection[Split],
    rule: MatchRule,
) -> AsyncIterator[list[FrameComparison]]:
    """Compare all frames of the dataset, page by page.

    Frames of the splits count if they are annotated and have predictions in the round.
    """
    async for page in scan_summaries(curation.stores.ledger, dataset_of(name)):
        counting = [
            summary
            for summary in page
            if summary.group.split in splits
            and STATUS_ORDER[summary.group.status] >= STATUS_ORDER[Status.ANNOTATED]
        ]
        outcomes = await _compare(curation, name, dataset, counting, rule)
        yield [FrameComparison(summary, outcomes.get(summary.row.id)) for summary in page]


async def _compare(
    curation: Curation,
    name: RoundName,
    dataset: Dataset,
    summaries: Sequence[FrameSummary],
    rule: MatchRule,
) -> dict[str, FrameOutcome]:
    """The outcomes of the frames that have predictions, by frame id."""
    predictions = await read_predictions(curation, name, [summary.row.id for summary in summaries])
    predicted = [summary for summary in summaries if summary.row.id in predictions]
    frames = await read_frames(curation.stores.ledger, dataset_of(name), predicted)

    def compare_all() -> dict[str, FrameOutcome]:
        return {
            frame.row.id: compare(
                dataset.task_type,
                frame.frame.labels,
                predictions[frame.row.id].predictions,
                rule,
            )
            for frame in frames
        }

    return await asyncio.to_thread(compare_all)
