"""What sampling says of frames: per campaign a score, and what of the issue it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.explanations import Explanation, explain_scores
from sluice.frames import Frame
from sluice.scoring import Scores, normalise
from sluice.state import Campaign, SpaceState
from sluice.tensors import Embeddings


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """Frames of one call and their scores by the campaigns of one project and space."""

    space: SpaceState
    frames: Sequence[Frame]
    embeddings: Embeddings
    scores: Scores

    @classmethod
    def of(cls, space: SpaceState, frames: Sequence[Frame], embeddings: Embeddings) -> Sampled:
        """Score frames; InvalidArgument for vectors without direction."""
        unit = normalise(embeddings.vectors)
        scores = space.scorer.score(unit, embeddings.frame_of_row, embeddings.frame_count)
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
            normalise(self.embeddings.vectors),
            self.scores,
            frames=frames,
            columns=columns,
            campaigns=[campaign.name for campaign in campaigns],
            thresholds=thresholds or [campaign.threshold for campaign in campaigns],
            label_ids=self.embeddings.label_ids,
        )


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

    def __init__(self, frame_count: int, sampled: Sequence[Sampled]) -> None:
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
