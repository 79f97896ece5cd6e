"""Builds the batches to submit: tallies of all scored frames, and documents of the matches."""

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
"""Maximum size of the `seq` field, which a session adds to a batch."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoredFrames:
    """Frames with embeddings and scores `(frames, versions) float64`; `scored_by` has the versions.

    `frame` builds the frame at an index; it is called for matches only.
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
    """Build a batch, without its number.

    `passing` `(frames, versions)` marks the scores at or over the threshold. `selected` marks those
    to submit, by default all that pass; passing scores that are not submitted are counted as not
    selected.
    """
    submitted = passing if selected is None else selected & passing
    not_selected = (passing & ~submitted).sum(axis=0).tolist()
    tallies = [
        replace(tally, not_selected=count).to_proto()
        for tally, count in zip(
            tally_scores(scored.scores, scored.scored_by), not_selected, strict=True
        )
    ]
    frames = np.flatnonzero(submitted.any(axis=1))
    return ingest_pb2.SubmitBatch(
        seen_hashes=frame_hashes(scored.ids).tobytes(),
        tallies=tallies,
        threshold_override=threshold_override,
        matches=[
            _match(scored.frame(frame), scored.scores[frame], submitted[frame])
            for frame in frames.tolist()
        ],
        embeddings=_embeddings_of(scored.embeddings, frames).to_proto() if len(frames) else None,
    )


def no_frames() -> ingest_pb2.SubmitBatch:
    """An empty batch, which uses up a batch number and counts nothing."""
    return ingest_pb2.SubmitBatch()


def _match(
    frame: Frame, scores: NDArray[np.float64], submitted: NDArray[np.bool_]
) -> ingest_pb2.Match:
    pairs = [
        ingest_pb2.Match.CampaignScore(tally_index=column, score=scores[column])
        for column in np.flatnonzero(submitted).tolist()
    ]
    return ingest_pb2.Match(frame=frame.to_proto(), scores=pairs)


def _embeddings_of(embeddings: Embeddings, frames: NDArray[np.intp]) -> Embeddings:
    """The rows of the given frames; their indexes must be in ascending order."""
    rows = np.flatnonzero(np.isin(embeddings.frame_of_row, frames))
    return Embeddings(
        embeddings.model_id,
        embeddings.vectors[rows],
        np.searchsorted(frames, embeddings.frame_of_row[rows]),
        [embeddings.label_ids[row] for row in rows.tolist()],
    )
