"""Explanations: why a frame has its score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.scoring import Matches, Nearest, Scorer, Scores, nearest
from sluice.v1 import scorer_pb2


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An element near the frame; `similarity` is the cosine in the basis space, -1 to 1."""

    frame_id: str
    label_id: str
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The elements of the issue that a frame resembles, and its margin over the threshold.

    `label_id` is the crop that has the score, "" for the frame itself. `cluster` is the nearest
    cluster of elements; `distance` is measured to its centre, and `radius` contains nine of ten of
    its elements. `neighbours` are the nearest elements, nearest first. `runner_up` is the campaign
    with the next highest score among those scored together (with `matches_only`: among the frame's
    matches); "" if there is none.
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
        """The explanation as a message."""
        return scorer_pb2.Explanation(**asdict(self))

    @classmethod
    def from_proto(cls, message: scorer_pb2.Explanation) -> Explanation:
        """The explanation in a message."""
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
    """Explain the scores at each pair of `frames` and `columns`.

    `unit` has the normalised rows that were scored, `(rows, dim)`, and `label_ids` their crops;
    `campaigns` and `thresholds` belong to the scorer's columns.
    """
    rows = scores.rows[frames, columns]
    near = nearest(scorer, unit[rows], columns)
    frame_scores = scores.scores[frames]
    rivals = _find_runners_up(frame_scores, columns)
    pairs = np.arange(len(frame_scores))
    return _build_explanations(
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
    """Explain each match; the runner-up is the next best match of the same frame.

    Otherwise as `explain_scores`.
    """
    near = nearest(scorer, unit[matches.rows], matches.columns)
    rivals = _find_rivals(matches)
    is_alone = rivals < 0
    rivals_or_self = np.where(is_alone, np.arange(len(rivals)), rivals)
    names = [campaigns[column] for column in matches.columns[rivals_or_self]]
    return _build_explanations(
        near,
        [label_ids[row] for row in matches.rows],
        matches.scores,
        np.asarray(thresholds, np.float64)[matches.columns],
        ["" if alone else name for alone, name in zip(is_alone, names, strict=True)],
        matches.scores[rivals_or_self],
    )


def _build_explanations(
    near: Sequence[Nearest],
    label_ids: Sequence[str],
    scores: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    runners_up: Sequence[str],
    rival_scores: NDArray[np.float64],
) -> list[Explanation]:
    """One explanation per index; without a runner-up, `rival_scores` repeats the score itself."""
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


def _find_runners_up(scores: NDArray[np.float64], columns: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each row of `(pairs, versions)` scores, the best other column; -1 if there is none."""
    if scores.shape[1] < 2:
        return np.full(len(scores), -1)
    others = scores.copy()
    others[np.arange(len(scores)), columns] = -np.inf
    return np.asarray(others.argmax(axis=1), np.intp)


def _find_rivals(matches: Matches) -> NDArray[np.intp]:
    """For each match, the index of the best other match of its frame; -1 if there is none."""
    order = np.lexsort((matches.columns, -matches.scores, matches.frames))
    is_first = np.diff(matches.frames, prepend=-1) > 0
    starts = np.flatnonzero(is_first)
    counts = np.diff(np.append(starts, len(order)))
    best = order[starts]
    second = np.where(counts > 1, order[np.minimum(starts + 1, len(order) - 1)], -1)
    frame = np.cumsum(is_first) - 1
    is_best = best[frame] == np.arange(len(order))
    return np.asarray(np.where(is_best, second[frame], best[frame]), np.intp)
