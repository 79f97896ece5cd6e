"""Why a frame has its score, as people and programs read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.scoring import Matches, Nearest, Scorer, Scores, nearest
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
    frame is next most like, of those scored together, or of its matches where only they are
    wanted; "" if there is none.
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
    frame_scores = scores.scores[frames]
    rivals = _runners_up(frame_scores, columns)
    pairs = np.arange(len(frame_scores))
    return _written(
        near,
        [label_ids[row] for row in rows],
        frame_scores[pairs, columns],
        np.asarray(thresholds, np.float64)[columns],
        [campaigns[rival] if rival >= 0 else "" for rival in rivals],
        frame_scores[pairs, np.where(rivals >= 0, rivals, columns)],
    )


def explain_matches(
    scorer: Scorer,
    unit: NDArray[np.float32],
    matches: Matches,
    *,
    campaigns: Sequence[str],
    thresholds: Sequence[float],
    label_ids: Sequence[str],
) -> list[Explanation]:
    """Explain each match; the runner-up is the next best of its frame's matches.

    Otherwise as `explain_scores`.
    """
    near = nearest(scorer, unit[matches.rows], matches.columns)
    rivals = _rivals(matches)
    alone = rivals < 0
    own = np.where(alone, np.arange(len(rivals)), rivals)
    names = [campaigns[column] for column in matches.columns[own]]
    return _written(
        near,
        [label_ids[row] for row in matches.rows],
        matches.scores,
        np.asarray(thresholds, np.float64)[matches.columns],
        ["" if none else name for none, name in zip(alone, names, strict=True)],
        matches.scores[own],
    )


def _written(
    near: Sequence[Nearest],
    label_ids: Sequence[str],
    scores: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    runners_up: Sequence[str],
    rival_scores: NDArray[np.float64],
) -> list[Explanation]:
    """The explanations, index by index; a rival's score is its own where there is no runner-up."""
    margins = (scores - thresholds).tolist(), (scores - rival_scores).tolist()
    return [
        Explanation(
            label_id=label_id,
            cluster=nearest_of_row.cluster,
            cluster_size=nearest_of_row.cluster_size,
            distance=nearest_of_row.distance,
            radius=nearest_of_row.radius,
            neighbours=tuple(
                Neighbour(element.frame_id, element.label_id, cosine)
                for element, cosine in nearest_of_row.elements
            ),
            margin_to_threshold=to_threshold,
            runner_up=runner_up,
            margin_to_runner_up=to_runner_up,
        )
        for nearest_of_row, label_id, to_threshold, runner_up, to_runner_up in zip(
            near, label_ids, margins[0], runners_up, margins[1], strict=True
        )
    ]


def _runners_up(scores: NDArray[np.float64], columns: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each row of `(pairs, versions)` scores the best column but its own; -1 if alone."""
    if scores.shape[1] < 2:
        return np.full(len(scores), -1)
    others = scores.copy()
    others[np.arange(len(scores)), columns] = -np.inf
    return np.asarray(others.argmax(axis=1), np.intp)


def _rivals(matches: Matches) -> NDArray[np.intp]:
    """For each match the index of the best other of its frame; -1 if alone."""
    order = np.lexsort((matches.columns, -matches.scores, matches.frames))
    is_first = np.diff(matches.frames, prepend=-1) > 0
    starts = np.flatnonzero(is_first)
    counts = np.diff(np.append(starts, len(order)))
    best = order[starts]
    second = np.where(counts > 1, order[np.minimum(starts + 1, len(order) - 1)], -1)
    frame = np.cumsum(is_first) - 1
    is_best = best[frame] == np.arange(len(order))
    return np.asarray(np.where(is_best, second[frame], best[frame]), np.intp)
