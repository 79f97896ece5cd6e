"""Comparing the predictions of a round with the labels of a dataset, page by page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass

from services.curation.context import Curation
from services.curation.datasets.frames import (
    DatasetFrame,
    FrameSummary,
    read_frames,
    scan_summaries,
)
from services.curation.records import STATUS_ORDER, Split, Status
from services.curation.rounds.outcomes import FrameOutcome, MatchRule, compare
from services.curation.rounds.predictions import (
    FramePredictions,
    find_predicted,
    read_predictions,
)
from services.curation.rounds.rounds import dataset_of
from services.peers.datasets import Dataset
from sluice.names import RoundName


@dataclass(frozen=True, slots=True)
class FrameComparison:
    """A frame and the outcome of its predictions, None if the frame does not count.

    In a frame without predictions (`predicted` is false), every label was missed.
    """

    summary: FrameSummary
    outcome: FrameOutcome | None
    predicted: bool = False


async def compare_frames(
    curation: Curation,
    name: RoundName,
    dataset: Dataset,
    splits: Collection[Split],
    rule: MatchRule,
) -> AsyncIterator[list[FrameComparison]]:
    """Compare all frames of the dataset, page by page.

    Annotated frames of the splits count, those without predictions in the round too: models leave
    out the images in which they detect nothing.
    """
    async for page in scan_summaries(curation.stores.ledger, dataset_of(name)):
        counting = _select_counting(page, splits)
        comparisons = await _compare(curation, name, dataset, counting, rule)
        yield [
            comparisons.get(summary.row.id) or FrameComparison(summary, None) for summary in page
        ]


async def is_predicted(curation: Curation, name: RoundName, split: Split) -> bool:
    """Whether an annotated frame of the split has predictions in the round, or none is annotated.

    A model that was not run on a split has not failed there.
    """
    annotated = 0
    async for page in scan_summaries(curation.stores.ledger, dataset_of(name)):
        counting = _select_counting(page, {split})
        annotated += len(counting)
        if await find_predicted(curation, name, [summary.row.id for summary in counting]):
            return True
    return not annotated


def _select_counting(page: Sequence[FrameSummary], splits: Collection[Split]) -> list[FrameSummary]:
    return [
        summary
        for summary in page
        if summary.group.split in splits
        and STATUS_ORDER[summary.group.status] >= STATUS_ORDER[Status.ANNOTATED]
    ]


async def _compare(
    curation: Curation,
    name: RoundName,
    dataset: Dataset,
    summaries: Sequence[FrameSummary],
    rule: MatchRule,
) -> dict[str, FrameComparison]:
    """The comparisons of frames, by frame id."""
    predictions = await read_predictions(curation, name, [summary.row.id for summary in summaries])
    frames = await read_frames(curation.stores.ledger, dataset_of(name), summaries)
    summary_by_id = {summary.row.id: summary for summary in summaries}

    def compare_frame(frame: DatasetFrame) -> FrameComparison:
        predicted = predictions.get(frame.row.id, FramePredictions(frame.row.id))
        outcome = compare(dataset.task_type, frame.frame.labels, predicted.predictions, rule)
        summary = summary_by_id[frame.row.id]
        return FrameComparison(summary, outcome, predicted=frame.row.id in predictions)

    return await asyncio.to_thread(lambda: {x.row.id: compare_frame(x) for x in frames})
