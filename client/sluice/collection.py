"""From scores to what is submitted: thresholds, the best of them, batches, and the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from sluice.batches import NUMBER_BYTES_MAX, ScoredFrames, make_batch
from sluice.explanations import Explanation
from sluice.limits import BATCH_BYTES_MAX, BATCH_MATCHES_MAX, BATCH_ROWS_MAX
from sluice.probabilities import Sampled
from sluice.tensors import Embeddings
from sluice.v1 import ingest_pb2

BATCH_FRAMES = 256
"""Frames in one batch: enough to be cheap, few enough to be sent again."""


@dataclass(frozen=True, slots=True)
class BestFrame:
    """The frame with the greatest score of all that would be collected, and why."""

    frame_id: str
    campaign: str
    score: float
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class CollectionReport:
    """What a save came to, or would come to.

    `seen` frames were sampled since the save before, `passing` of them are at or over a
    threshold, `collected` were or would be submitted, for at least one campaign. The scores
    summed up are those of the collected, each for its best campaign. `verdicts` counts what the
    server said of matches, by campaign and verdict; nothing of a dry run. `already_counted` are
    batches that an earlier run under the same session id had sent; nothing is said of them.
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
class Choice:
    """What of one sampling passes, and what of that is submitted: `(frames, campaigns)` each."""

    sampled: Sampled
    passing: NDArray[np.bool_]
    selected: NDArray[np.bool_]
    override: float | None


def choose(
    sampled: Sequence[Sampled], override: float | None, target_count: int | None
) -> list[Choice]:
    """Apply the thresholds; with a target, keep the best frames, each for its best campaign."""
    passing = [each.scores.scores >= each.space.thresholds(override) for each in sampled]
    selected = passing if target_count is None else _best(sampled, passing, target_count)
    return [
        Choice(each, passes, keeps, override)
        for each, passes, keeps in zip(sampled, passing, selected, strict=True)
    ]


def _best(
    sampled: Sequence[Sampled], passing: Sequence[NDArray[np.bool_]], count: int
) -> list[NDArray[np.bool_]]:
    """Of all passing frames the best, each for the campaign it is most like.

    A frame scored in several projects or calls stands in each of them for itself; of equal
    scores the one sampled first is kept.
    """
    best = [
        np.where(passes, each.scores.scores, -1.0).max(axis=1, initial=-1.0)
        for each, passes in zip(sampled, passing, strict=True)
    ]
    order = np.argsort(-np.concatenate([*best, np.empty(0)]), kind="stable")[:count]
    kept = np.zeros(sum(map(len, best)), bool)
    kept[order] = True
    selected, start = [], 0
    for each, passes, scores in zip(sampled, passing, best, strict=True):
        mine = kept[start : start + len(scores)] & (scores >= 0)
        start += len(scores)
        keeps = np.zeros_like(passes)
        frames = np.flatnonzero(mine)
        among = np.where(passes[frames], each.scores.scores[frames], -1.0)
        keeps[frames, among.argmax(axis=1) if among.size else []] = True
        selected.append(keeps)
    return selected


def report_of(choices: Sequence[Choice], *, dry_run: bool) -> CollectionReport:
    """What the choices come to, before anything is submitted."""
    scores = [
        np.where(c.selected, c.sampled.scores.scores, -1.0).max(axis=1, initial=-1.0)
        for c in choices
    ]
    kept = np.concatenate([*(s[s >= 0] for s in scores), np.empty(0)])
    report = CollectionReport(
        seen=sum(len(c.sampled.frames) for c in choices),
        passing=sum(int(c.passing.any(axis=1).sum()) for c in choices),
        collected=kept.size,
        best=_best_frame(choices, scores),
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
    choices: Sequence[Choice], scores: Sequence[NDArray[np.float64]]
) -> BestFrame | None:
    tops = [float(s.max(initial=-1.0)) for s in scores]
    if not tops or max(tops) < 0:
        return None
    index = int(np.argmax(tops))
    choice, frame = choices[index], int(np.argmax(scores[index]))
    among = np.where(choice.selected[frame], choice.sampled.scores.scores[frame], -1.0)
    column = int(among.argmax())
    thresholds = choice.sampled.space.thresholds(choice.override).tolist()
    at = np.array([frame]), np.array([column])
    [explanation] = choice.sampled.explain(*at, thresholds)
    campaign = choice.sampled.space.campaigns[column]
    frame_id = choice.sampled.frames[frame].id
    return BestFrame(frame_id, campaign.name, float(among[column]), explanation)


def batches_of(choice: Choice) -> Iterator[ingest_pb2.SubmitBatch]:
    """The batches of a choice, in its frames' order; no frame twice in one of them."""
    starts = _starts([frame.id for frame in choice.sampled.frames])
    for start, stop in zip(starts, [*starts[1:], len(choice.sampled.frames)], strict=True):
        yield from _split(choice, start, stop)


def _starts(frame_ids: Sequence[str]) -> list[int]:
    """Where batches start: when they are full, or a frame would stand in one twice."""
    starts: list[int] = []
    inside: set[str] = set()
    for index, frame_id in enumerate(frame_ids):
        if not starts or len(inside) == BATCH_FRAMES or frame_id in inside:
            starts.append(index)
            inside = set()
        inside.add(frame_id)
    return starts


def _split(choice: Choice, start: int, stop: int) -> Iterator[ingest_pb2.SubmitBatch]:
    """The batch of some frames, or two halves of it where it would be too large."""
    batch = _batch(choice, start, stop)
    if _fits(batch) or stop - start == 1:
        yield batch
        return
    middle = (start + stop) // 2
    yield from _split(choice, start, middle)
    yield from _split(choice, middle, stop)


def _fits(batch: ingest_pb2.SubmitBatch) -> bool:
    tensor = batch.embeddings.tensor
    rows = len(tensor.data) // (4 * max(tensor.dimension, 1))
    matches = sum(len(match.scores) for match in batch.matches)
    return (
        batch.ByteSize() + NUMBER_BYTES_MAX <= BATCH_BYTES_MAX
        and rows <= BATCH_ROWS_MAX
        and matches <= BATCH_MATCHES_MAX
    )


def _batch(choice: Choice, start: int, stop: int) -> ingest_pb2.SubmitBatch:
    sampled, frames = choice.sampled, slice(start, stop)
    embeddings = sampled.embeddings
    rows = slice(*np.searchsorted(embeddings.frame_of_row, [start, stop]).tolist())
    part = Embeddings(
        embeddings.model_id,
        embeddings.vectors[rows],
        embeddings.frame_of_row[rows] - start,
        embeddings.label_ids[rows],
    )
    chosen = sampled.frames[frames]
    scored = ScoredFrames(
        [frame.id for frame in chosen],
        chosen.__getitem__,
        part,
        sampled.scores.scores[frames],
        sampled.space.scored_by,
    )
    return make_batch(
        scored,
        choice.passing[frames],
        selected=choice.selected[frames],
        threshold_override=choice.override,
    )
