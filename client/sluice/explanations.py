"""Why a frame has its score, as people and programs read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.scoring import Scorer, Scores, nearest
from sluice.v1 import scorer_pb2


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An element near the frame; `similarity` is the cosine in the basis, -1 to 1."""

    frame_id: str
    label_id: str
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What of the issue a frame is like, and by how much it passed.

    `label_id` is the crop that has the score, "" for the frame itself. The nearest cluster of
    elements comes with its size, the distance to its centre and the radius that holds nine of ten
    of its elements; then the nearest elements, nearest first. `runner_up` is the campaign that the
    frame is next most like, of those scored together, "" if there is none.
    """

    label_id: str
    cluster: int
    cluster_size: int
    distance: float
    radius: float
    neighbours: tuple[Neighbour, ...]
    margin_to_threshold: float
    runner_up: str = ""
    margin_to_runner_up: float = 0.0

    def to_proto(self) -> scorer_pb2.Explanation:
        """The message that says the same."""
        return scorer_pb2.Explanation(**asdict(self))

    @classmethod
    def from_proto(cls, message: scorer_pb2.Explanation) -> Explanation:
        """The explanation that a message holds."""
        return cls(
            label_id=message.label_id,
            cluster=message.cluster,
            cluster_size=message.cluster_size,
            distance=message.distance,
            radius=message.radius,
            neighbours=tuple(
                Neighbour(n.frame_id, n.label_id, n.similarity) for n in message.neighbours
            ),
            margin_to_threshold=message.margin_to_threshold,
            runner_up=message.runner_up,
            margin_to_runner_up=message.margin_to_runner_up,
        )


def explain_scores(
    scorer: Scorer,
    unit: NDArray[np.float32],
    scores: Scores,
    *,
    frames: NDArray[np.intp],
    columns: NDArray[np.intp],
    campaigns: Sequence[str],
    thresholds: Sequence[float],
    label_ids: Sequence[str],
) -> list[Explanation]:
    """Explain the scores at `frames` and `columns`, index by index.

    `unit` are the `(rows, dim)` normalised rows that were scored and `label_ids` their crops;
    `campaigns` and `thresholds` are those of the scorer's columns.
    """
    rows = scores.rows[frames, columns]
    near = nearest(scorer, unit[rows], columns)
    runners_up = _runners_up(scores.scores[frames], columns)
    explanations = []
    for index, found in enumerate(near):
        score = float(scores.scores[frames[index], columns[index]])
        rival = int(runners_up[index])
        rival_score = float(scores.scores[frames[index], rival]) if rival >= 0 else score
        explanations.append(
            Explanation(
                label_id=label_ids[rows[index]],
                cluster=found.cluster,
                cluster_size=found.cluster_size,
                distance=found.distance,
                radius=found.radius,
                neighbours=tuple(
                    Neighbour(element.frame_id, element.label_id, cosine)
                    for element, cosine in found.elements
                ),
                margin_to_threshold=score - thresholds[columns[index]],
                runner_up=campaigns[rival] if rival >= 0 else "",
                margin_to_runner_up=score - rival_score,
            )
        )
    return explanations


def _runners_up(scores: NDArray[np.float64], columns: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each row of `(pairs, versions)` scores the best column but its own; -1 if alone."""
    if scores.shape[1] < 2:
        return np.full(len(scores), -1)
    others = scores.copy()
    others[np.arange(len(scores)), columns] = -np.inf
    return np.asarray(others.argmax(axis=1), np.intp)
