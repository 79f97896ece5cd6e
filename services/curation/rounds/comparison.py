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

    known: FrameSummary
    outcome: FrameOutcome | None


async def compare_frames(
    curation: Curation, name: RoundName, dataset: Dataset, what: tuple[Collection[Split], MatchRule]
) -> AsyncIterator[list[FrameComparison]]:
    """All frames of the dataset page by page; those of some splits count.

    Of these splits, those that are annotated and have predictions in the round.
    """
    splits, rule = what
    async for page in scan_summaries(curation.stores.ledger, dataset_of(name)):
        counting = [
            each
            for each in page
            if each.group.split in splits
            and STATUS_ORDER[each.group.status] >= STATUS_ORDER[Status.ANNOTATED]
        ]
        outcomes = await _outcomes(curation, name, dataset, (counting, rule))
        yield [FrameComparison(each, outcomes.get(each.row.id)) for each in page]


async def _outcomes(
    curation: Curation,
    name: RoundName,
    dataset: Dataset,
    what: tuple[Sequence[FrameSummary], MatchRule],
) -> dict[str, FrameOutcome]:
    known, rule = what
    predicted = await read_predictions(curation, name, [each.row.id for each in known])
    wanted = [each for each in known if each.row.id in predicted]
    frames = await read_frames(curation.stores.ledger, dataset_of(name), wanted)

    def compared() -> dict[str, FrameOutcome]:
        return {
            each.row.id: compare(
                dataset.task_type,
                each.frame.labels,
                predicted[each.row.id].predictions,
                rule,
            )
            for each in frames
        }

    return await asyncio.to_thread(compared)
