"""Selects the sampled frames to submit, splits them into batches, and builds the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from sluice.batches import NUMBER_BYTES_MAX, ScoredFrames, make_batch
from sluice.explanations import Explanation
from sluice.limits import BATCH_BYTES_MAX, BATCH_MATCHES_MAX, BATCH_ROWS_MAX
from sluice.probabilities import SampledFrames
from sluice.v1 import ingest_pb2

BATCH_FRAMES = 256
"""Maximum frames in one batch: enough to be efficient, few enough to send again."""


@dataclass(frozen=True, slots=True)
class BestFrame:
    """The selected frame with the highest score, with its explanation."""

    frame_id: str
    campaign: str
    score: float
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class CollectionReport:
    """The result of a save or of a dry run.

    `seen` frames were sampled since the last save; `passing` of them reach a threshold; `collected`
    of them were submitted (in a dry run: would be) for at least one campaign. Minimum, maximum,
    mean and deviation are those of the collected frames' scores, each for its best campaign.
    `verdicts` counts the server's verdicts by (campaign, verdict); empty for a dry run.
    `already_counted` is the number of batches sent by an earlier run under the same session id;
    their verdicts are not in the report.
    """

    seen: int = 0
    passing: int = 0
    collected: int = 0
    minimum: float = 0.0
    maximum: float = 0.0
    mean: float = 0.0
    standard_deviation: float = 0.0
    best: BestFrame | None = None
    dry_run: bool = False
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    already_counted: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class FrameSelection:
    """Which scores of one sampling pass, and which are submitted; both `(frames, campaigns)`."""

    sampled: SampledFrames
    passing: NDArray[np.bool_]
    selected: NDArray[np.bool_]
    override: float | None


def select_frames(
    sampled: Sequence[SampledFrames], override: float | None, target_count: int | None
) -> list[FrameSelection]:
    """Apply the thresholds; with a target, keep the best frames, each for its best campaign."""
    passing = [part.scores.scores >= part.space.thresholds(override) for part in sampled]
    selected = passing if target_count is None else _best(sampled, passing, target_count)
    return [
        FrameSelection(part, part_passing, part_selected, override)
        for part, part_passing, part_selected in zip(sampled, passing, selected, strict=True)
    ]


def _best(
    sampled: Sequence[SampledFrames], passing: Sequence[NDArray[np.bool_]], count: int
) -> list[NDArray[np.bool_]]:
    """Mark the `count` best passing frames, each for the campaign with its highest score.

    A frame that was scored in several projects or calls counts once in each. Of equal scores, the
    one sampled first is kept.
    """
    best = [
        np.where(part_passing, part.scores.scores, -1.0).max(axis=1, initial=-1.0)
        for part, part_passing in zip(sampled, passing, strict=True)
    ]
    order = np.argsort(-np.concatenate([*best, np.empty(0)]), kind="stable")[:count]
    kept = np.zeros(sum(map(len, best)), bool)
    kept[order] = True
    selected, start = [], 0
    for part, part_passing, scores in zip(sampled, passing, best, strict=True):
        is_kept = kept[start : start + len(scores)] & (scores >= 0)
        start += len(scores)
        part_selected = np.zeros_like(part_passing)
        frames = np.flatnonzero(is_kept)
        kept_scores = np.where(part_passing[frames], part.scores.scores[frames], -1.0)
        part_selected[frames, kept_scores.argmax(axis=1) if kept_scores.size else []] = True
        selected.append(part_selected)
    return selected


def make_report(selections: Sequence[FrameSelection], *, dry_run: bool) -> CollectionReport:
    """Summarise the selections, before anything is submitted."""
    scores = [
        np.where(selection.selected, selection.sampled.scores.scores, -1.0).max(
            axis=1, initial=-1.0
        )
        for selection in selections
    ]
    kept = np.concatenate([*(s[s >= 0] for s in scores), np.empty(0)])
    report = CollectionReport(
        seen=sum(len(selection.sampled.frames) for selection in selections),
        passing=sum(int(selection.passing.any(axis=1).sum()) for selection in selections),
        collected=kept.size,
        best=_best_frame(selections, scores),
        dry_run=dry_run,
    )
    if not kept.size:
        return report
    return replace(
        report,
        minimum=float(kept.min()),
        maximum=float(kept.max()),
        mean=float(kept.mean()),
        standard_deviation=float(kept.std()),
    )


def _best_frame(
    selections: Sequence[FrameSelection], scores: Sequence[NDArray[np.float64]]
) -> BestFrame | None:
    maxima = [float(s.max(initial=-1.0)) for s in scores]
    if not maxima or max(maxima) < 0:
        return None
    index = int(np.argmax(maxima))
    selection, frame = selections[index], int(np.argmax(scores[index]))
    campaign_scores = np.where(
        selection.selected[frame], selection.sampled.scores.scores[frame], -1.0
    )
    column = int(campaign_scores.argmax())
    thresholds = selection.sampled.space.thresholds(selection.override).tolist()
    [explanation] = selection.sampled.explain(np.array([frame]), np.array([column]), thresholds)
    campaign = selection.sampled.space.campaigns[column]
    frame_id = selection.sampled.frames[frame].id
    return BestFrame(frame_id, campaign.name, float(campaign_scores[column]), explanation)


def make_batches(selection: FrameSelection) -> Iterator[ingest_pb2.SubmitBatch]:
    """The batches of a selection, in the order of its frames; no batch has duplicate frames."""
    starts = _find_starts([frame.id for frame in selection.sampled.frames])
    for start, stop in zip(starts, [*starts[1:], len(selection.sampled.frames)], strict=True):
        yield from _split(selection, start, stop)


def _find_starts(frame_ids: Sequence[str]) -> list[int]:
    """The first index of each batch; a batch ends when it is full or before a duplicate frame."""
    starts: list[int] = []
    ids_in_batch: set[str] = set()
    for index, frame_id in enumerate(frame_ids):
        if not starts or len(ids_in_batch) == BATCH_FRAMES or frame_id in ids_in_batch:
            starts.append(index)
            ids_in_batch = set()
        ids_in_batch.add(frame_id)
    return starts


def _split(selection: FrameSelection, start: int, stop: int) -> Iterator[ingest_pb2.SubmitBatch]:
    """The batch of a range of frames; halved again and again while it is too large."""
    batch = _make_batch(selection, start, stop)
    if _fits(batch) or stop - start == 1:
        yield batch
        return
    middle = (start + stop) // 2
    yield from _split(selection, start, middle)
    yield from _split(selection, middle, stop)


def _fits(batch: ingest_pb2.SubmitBatch) -> bool:
    tensor = batch.embeddings.tensor
    rows = len(tensor.data) // (4 * max(tensor.dimension, 1))
    matches = sum(len(match.scores) for match in batch.matches)
    return (
        batch.ByteSize() + NUMBER_BYTES_MAX <= BATCH_BYTES_MAX
        and rows <= BATCH_ROWS_MAX
        and matches <= BATCH_MATCHES_MAX
    )


def _make_batch(selection: FrameSelection, start: int, stop: int) -> ingest_pb2.SubmitBatch:
    sampled, frames = selection.sampled, slice(start, stop)
    batch_frames = sampled.frames[frames]
    scored = ScoredFrames(
        [frame.id for frame in batch_frames],
        batch_frames.__getitem__,
        sampled.embeddings.of_range(start, stop),
        sampled.scores.scores[frames],
        sampled.space.scored_by,
    )
    return make_batch(
        scored,
        selection.passing[frames],
        selected=selection.selected[frames],
        threshold_override=selection.override,
    )
