"""Batches as they are submitted: what was seen, summed up, and the documents of the matches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sluice.frames import Frame
from sluice.hashes import frame_hashes
from sluice.tally import ScoredBy, tally_scores
from sluice.tensors import Embeddings
from sluice.v1 import ingest_pb2

NUMBER_BYTES_MAX: Final = 11
"""How much a batch grows by the number that a session gives it."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoredFrames:
    """Frames with their embeddings, their scores `(frames, versions) float64`, and what scored.

    `frame` makes the frame of an index: only those that match are ever made.
    """

    ids: Sequence[str]
    frame: Callable[[int], Frame]
    embeddings: Embeddings
    scores: NDArray[np.float64]
    scored_by: Sequence[ScoredBy]


def make_batch(
    scored: ScoredFrames,
    passing: NDArray[np.bool_],
    *,
    selected: NDArray[np.bool_] | None = None,
    threshold_override: float | None = None,
) -> ingest_pb2.SubmitBatch:
    """The batch, without its number.

    `passing` `(frames, versions)` are the scores at or over the threshold; `selected`, a part of
    them, those that are submitted: all, where it is None. The others are counted as not selected.
    """
    chosen = passing if selected is None else selected & passing
    not_selected = (passing & ~chosen).sum(axis=0).tolist()
    tallies = [
        replace(tally, not_selected=left_out).to_proto()
        for tally, left_out in zip(
            tally_scores(scored.scores, scored.scored_by), not_selected, strict=True
        )
    ]
    frames = np.flatnonzero(chosen.any(axis=1))
    return ingest_pb2.SubmitBatch(
        seen_hashes=frame_hashes(scored.ids).tobytes(),
        tallies=tallies,
        threshold_override=threshold_override,
        matches=[
            _match(scored.frame(frame), scored.scores[frame], chosen[frame])
            for frame in frames.tolist()
        ],
        embeddings=_embeddings_of(scored.embeddings, frames).to_proto() if len(frames) else None,
    )


def no_frames() -> ingest_pb2.SubmitBatch:
    """A batch of no frames at all: it takes a number, and counts nothing."""
    return ingest_pb2.SubmitBatch()


def _match(
    frame: Frame, scores: NDArray[np.float64], chosen: NDArray[np.bool_]
) -> ingest_pb2.Match:
    pairs = [
        ingest_pb2.Match.CampaignScore(tally_index=column, score=scores[column])
        for column in np.flatnonzero(chosen).tolist()
    ]
    return ingest_pb2.Match(frame=frame.to_proto(), scores=pairs)


def _embeddings_of(embeddings: Embeddings, frames: NDArray[np.intp]) -> Embeddings:
    """The rows of some frames, which are ascending."""
    rows = np.flatnonzero(np.isin(embeddings.frame_of_row, frames))
    return Embeddings(
        embeddings.model_id,
        embeddings.vectors[rows],
        np.searchsorted(frames, embeddings.frame_of_row[rows]),
        [embeddings.label_ids[row] for row in rows.tolist()],
    )
