"""What sampling says of frames: per campaign a score, and what of the issue it comes from."""

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
"""How many frames are scored before progress is reported."""


@dataclass(frozen=True, slots=True, eq=False)
class SampledFrames:
    """Frames of one call and their scores by the campaigns of one project and space."""

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
        """Score frames; InvalidArgument naming those whose vectors have no direction."""
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
        """Why those frames have those campaigns' scores, index by index."""
        campaigns = self.space.campaigns
        return explain_scores(
            self.space.scorer,
            normalise(self.embeddings.vectors[self.scores.rows[frames, columns]]),
            self._scores_of(frames),
            frames=np.arange(len(frames)),
            columns=columns,
            campaigns=[campaign.name for campaign in campaigns],
            thresholds=thresholds or [campaign.threshold for campaign in campaigns],
            label_ids=[
                self.embeddings.label_ids[row] for row in self.scores.rows[frames, columns].tolist()
            ],
        )

    def _scores_of(self, frames: NDArray[np.intp]) -> Scores:
        """The scores of some frames, each with one row of its own: the one that is explained."""
        rows = np.repeat(np.arange(len(frames))[:, None], len(self.space.campaigns), axis=1)
        return Scores(self.scores.scores[frames], self.scores.contrasts[frames], rows)


def _score(
    space: SpaceState, frames: Sequence[Frame], embeddings: Embeddings, start: int, stop: int
) -> Scores:
    """The scores of some of the frames, with the row numbers of all."""
    first, last = np.searchsorted(embeddings.frame_of_row, [start, stop]).tolist()
    frame_of_row = embeddings.frame_of_row[first:last]
    try:
        unit = normalise(embeddings.vectors[first:last])
    except errors.InvalidArgument as error:
        bad = [int(row) for row in error.metadata["rows"].split(", ")]
        named = ", ".join(repr(frames[frame_of_row[row]].id) for row in bad)
        raise errors.InvalidArgument.of(
            "embedding",
            f"of frames {named}: NaN, infinity or only zeros, which have no direction",
            reason=error.reason,
        ) from None
    scores = space.scorer.score(unit, frame_of_row - start, stop - start)
    return Scores(scores.scores, scores.contrasts, scores.rows + first)


@dataclass(frozen=True, slots=True)
class Probability:
    """How like one campaign's issue a frame is, 0 to 1, and why.

    `explanation` names the scored crop ("": the frame itself), the closest cluster and the
    nearest elements.
    """

    campaign: Campaign
    score: float
    explanation: Explanation


class Probabilities(Sequence[Mapping[str, Probability]]):
    """One mapping for each frame, from the campaign's resource name to its probability.

    `scores` of a campaign come as one array; explanations are made when a frame is looked at.
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
        return dict(self._of(index % self._frame_count))

    def scores(self, campaign: str) -> NDArray[np.float64]:
        """The scores of all frames for one campaign, by its resource name."""
        for sampled in self._sampled:
            for column, known in enumerate(sampled.space.campaigns):
                if known.name == campaign:
                    return sampled.scores.scores[:, column]
        raise KeyError(campaign)

    def _of(self, frame: int) -> Iterator[tuple[str, Probability]]:
        for sampled in self._sampled:
            columns = np.arange(len(sampled.space.campaigns))
            explanations = sampled.explain(np.full(len(columns), frame), columns)
            for column, explanation in enumerate(explanations):
                campaign = sampled.space.campaigns[column]
                score = float(sampled.scores.scores[frame, column])
                yield campaign.name, Probability(campaign, score, explanation)
