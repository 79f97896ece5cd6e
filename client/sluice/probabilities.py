"""The scores of sampled frames per campaign, and their explanations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice import errors
from sluice.explanations import Explanation, explain_scores
from sluice.frames import Frame
from sluice.progress import OnProgress
from sluice.scoring import Scores, normalise
from sluice.state import Campaign, SpaceState
from sluice.tensors import Embeddings

FRAMES_PER_STEP = 4_096
"""Frames scored between two progress reports."""


@dataclass(frozen=True, slots=True, eq=False)
class SampledFrames:
    """The frames of one call, with their scores for the campaigns of one project and space."""

    space: SpaceState
    frames: Sequence[Frame]
    embeddings: Embeddings
    scores: Scores

    @classmethod
    def of(
        cls,
        space: SpaceState,
        frames: Sequence[Frame],
        embeddings: Embeddings,
        on_progress: OnProgress,
    ) -> SampledFrames:
        """Score frames; InvalidArgument naming frames with NaN, infinite or all-zero vectors."""
        parts = []
        for start in range(0, len(frames), FRAMES_PER_STEP):
            stop = min(start + FRAMES_PER_STEP, len(frames))
            parts.append(_score(space, frames, embeddings, start, stop))
            on_progress("frames scored", stop, len(frames))
        scores = Scores(
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.contrasts for part in parts]),
            np.concatenate([part.rows for part in parts]),
        )
        return cls(space, frames, embeddings, scores)

    def explain(
        self,
        frames: NDArray[np.intp],
        columns: NDArray[np.intp],
        thresholds: Sequence[float] | None = None,
    ) -> list[Explanation]:
        """Explain the score at each pair of `frames` and `columns`, which are indexes."""
        campaigns = self.space.campaigns
        return explain_scores(
            self.space.scorer,
            normalise(self.embeddings.vectors[self.scores.rows[frames, columns]]),
            self._select_scores(frames),
            frames=np.arange(len(frames)),
            columns=columns,
            campaigns=[campaign.name for campaign in campaigns],
            thresholds=thresholds or [campaign.threshold for campaign in campaigns],
            label_ids=[
                self.embeddings.label_ids[row] for row in self.scores.rows[frames, columns].tolist()
            ],
        )

    def _select_scores(self, frames: NDArray[np.intp]) -> Scores:
        """The scores of some frames; the row that explains frame i gets the number i."""
        rows = np.repeat(np.arange(len(frames))[:, None], len(self.space.campaigns), axis=1)
        return Scores(self.scores.scores[frames], self.scores.contrasts[frames], rows)


def _score(
    space: SpaceState, frames: Sequence[Frame], embeddings: Embeddings, start: int, stop: int
) -> Scores:
    """Score a range of the frames; row numbers count from the first row of all frames."""
    first, last = np.searchsorted(embeddings.frame_of_row, [start, stop]).tolist()
    frame_of_row = embeddings.frame_of_row[first:last]
    try:
        unit = normalise(embeddings.vectors[first:last])
    except errors.InvalidArgument as error:
        invalid_rows = [int(row) for row in error.metadata["rows"].split(", ")]
        frame_ids = ", ".join(repr(frames[frame_of_row[row]].id) for row in invalid_rows)
        raise errors.InvalidArgument.of(
            "embedding",
            f"of frames {frame_ids}: NaN, infinity or only zeros, which have no direction",
            reason=error.reason,
        ) from None
    scores = space.scorer.score(unit, frame_of_row - start, stop - start)
    return Scores(scores.scores, scores.contrasts, scores.rows + first)


@dataclass(frozen=True, slots=True)
class Probability:
    """A frame's score for one campaign, 0 to 1, and its explanation.

    `explanation` names the scored crop ("" for the frame itself), the nearest cluster and the
    nearest elements.
    """

    campaign: Campaign
    score: float
    explanation: Explanation


class Probabilities(Sequence[Mapping[str, Probability]]):
    """One mapping per frame, from a campaign's resource name to its probability.

    `scores` returns a campaign's scores as one array. Indexing computes a frame's explanations.
    """

    def __init__(self, frame_count: int, sampled: Sequence[SampledFrames]) -> None:
        self._frame_count = frame_count
        self._sampled = sampled

    def __len__(self) -> int:
        return self._frame_count

    def __getitem__(self, index: int) -> Mapping[str, Probability]:  # type: ignore[override]
        """The probabilities of one frame."""
        if not -self._frame_count <= index < self._frame_count:
            raise IndexError(index)
        return dict(self._explain_frame(index % self._frame_count))

    def scores(self, campaign: str) -> NDArray[np.float64]:
        """The scores of all frames for one campaign, by its resource name."""
        for sampled in self._sampled:
            for column, candidate in enumerate(sampled.space.campaigns):
                if candidate.name == campaign:
                    return sampled.scores.scores[:, column]
        raise KeyError(campaign)

    def _explain_frame(self, frame: int) -> Iterator[tuple[str, Probability]]:
        for sampled in self._sampled:
            columns = np.arange(len(sampled.space.campaigns))
            explanations = sampled.explain(np.full(len(columns), frame), columns)
            for column, explanation in enumerate(explanations):
                campaign = sampled.space.campaigns[column]
                score = float(sampled.scores.scores[frame, column])
                yield campaign.name, Probability(campaign, score, explanation)
