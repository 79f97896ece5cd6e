"""Scoring batches of frames against the active campaigns of a project."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.platform.active import ActiveVersions
from services.platform.models import Models
from services.scorer.columns import Choice, Columns, Wanted
from services.scorer.groups import Groups
from sluice.checks import too_large
from sluice.errors import SluiceError
from sluice.explanations import Explanation, explain_scores
from sluice.limits import BATCH_MATCHES_MAX
from sluice.names import CampaignName
from sluice.scoring import Scorer, Scores, normalise
from sluice.tensors import Embeddings

EXPLANATIONS_MAX: Final = BATCH_MATCHES_MAX
"""How many scores of a batch are explained: as many matches as a batch may be submitted with."""

_Answer = TypeVar("_Answer")


class Explain(Enum):
    """Which frames are explained."""

    MATCHES = auto()
    NONE = auto()
    ALL = auto()


@dataclass(frozen=True, slots=True)
class Batch:
    """Frames to be scored, by which campaigns (none: all that can), and what to explain."""

    project: str
    embeddings: Embeddings
    campaigns: Sequence[CampaignName] = ()
    explain: Explain = Explain.MATCHES


@dataclass(frozen=True, slots=True)
class Explained:
    """The explanation of one score: the indices of its frame and of its column."""

    frame: int
    column: int
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class ScoredBatch:
    """The scores of a batch, `(frames, columns)`, and why they are so."""

    columns: Columns
    scores: Scores
    explained: tuple[Explained, ...] = ()


@dataclass(frozen=True, slots=True)
class _Job:
    """A batch with all that is needed to score it, and what then makes the answer of it."""

    scorer: Scorer
    columns: Columns
    batch: Batch
    answer: Callable[[Batch, ScoredBatch], Any]


class Scoring:
    """Scores batches; keeps nothing. So many groups of them at a time, in threads of its own.

    While all threads are busy, batches of the same columns wait to be scored together, up to
    `group_rows_max` rows.
    """

    def __init__(
        self, active: ActiveVersions, models: Models, *, threads: int, group_rows_max: int
    ) -> None:
        self._choice = Choice(active)
        self._models = models
        self._groups = Groups[_Job, Any](_score, threads=threads, size_max=group_rows_max)

    async def score(self, batch: Batch, answer: Callable[[Batch, ScoredBatch], _Answer]) -> _Answer:
        """Score a batch against what is active now; its answer is made in the thread that scored.

        Raises NotFound or FailedPrecondition naming a campaign asked for that does not exist or
        is inactive, InvalidArgument for one of another space or for vectors without direction,
        and what `answer` raises.
        """
        embeddings = batch.embeddings
        dimension = embeddings.vectors.shape[1]
        columns = await self._choice.columns(
            Wanted(batch.project, embeddings.model_id, dimension, tuple(batch.campaigns))
        )
        scorer = await self._models.scorer(columns.versions)
        job = _Job(scorer, columns, batch, answer)
        answered: _Answer = await self._groups.done(columns, job, len(embeddings.vectors))
        return answered

    def close(self) -> None:
        """Let the threads go."""
        self._groups.close()


def _score(jobs: Sequence[_Job]) -> list[Any]:
    """The answer to each, or what is wrong with it; all that are right are scored as one."""
    outcomes: list[Any] = [_attempt(_unit_of, job) for job in jobs]
    right = [index for index, found in enumerate(outcomes) if not isinstance(found, SluiceError)]
    units = [outcomes[index] for index in right]
    for index, unit, scores in zip(right, units, _score_as_one([jobs[i] for i in right], units)):
        outcomes[index] = _attempt(_answer, jobs[index], unit, scores)
    return outcomes


def _attempt(make: Callable[..., Any], *arguments: Any) -> Any:
    """What is made, or the error that says what is wrong with the batch it is made of."""
    try:
        return make(*arguments)
    except SluiceError as error:
        return error


def _unit_of(job: _Job) -> NDArray[np.float32]:
    return normalise(job.batch.embeddings.vectors)


def _score_as_one(jobs: Sequence[_Job], units: Sequence[NDArray[np.float32]]) -> list[Scores]:
    """The scores of each batch; their columns are the same, and so is what scores them."""
    if not jobs:
        return []
    each = [job.batch.embeddings for job in jobs]
    if len(jobs) == 1:
        return [jobs[0].scorer.score(units[0], each[0].frame_of_row, each[0].frame_count)]
    row_ends = np.cumsum([len(unit) for unit in units])
    frame_ends = np.cumsum([embeddings.frame_count for embeddings in each])
    rows, frames = np.append(0, row_ends), np.append(0, frame_ends)
    frame_of_row = np.concatenate([e.frame_of_row + first for e, first in zip(each, frames)])
    scores = jobs[0].scorer.score(np.concatenate(units), frame_of_row, int(frames[-1]))
    return [
        _part(scores, slice(frames[index], frames[index + 1]), rows[index])
        for index in range(len(jobs))
    ]


def _part(scores: Scores, frames: slice, first_row: int) -> Scores:
    """The scores of some frames, the first of whose rows is that one."""
    rows = scores.rows[frames] - first_row
    return Scores(scores.scores[frames], scores.contrasts[frames], rows)


def _answer(job: _Job, unit: NDArray[np.float32], scores: Scores) -> Any:
    batch, columns = job.batch, job.columns
    frames, at = _to_explain(batch.explain, scores.scores, columns.thresholds)
    explanations = explain_scores(
        job.scorer,
        unit,
        scores,
        frames=frames,
        columns=at,
        campaigns=columns.names,
        thresholds=columns.thresholds.tolist(),
        label_ids=batch.embeddings.label_ids,
    )
    explained = map(Explained, frames.tolist(), at.tolist(), explanations)
    return job.answer(batch, ScoredBatch(columns, scores, tuple(explained)))


def _to_explain(
    explain: Explain, scores: NDArray[np.float64], thresholds: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The indices `(frames,)` and `(columns,)` of the scores to be explained, by frame."""
    match explain:
        case Explain.MATCHES:
            wanted = scores >= thresholds
        case Explain.NONE:
            wanted = np.zeros(scores.shape, bool)
        case Explain.ALL:
            wanted = np.ones(scores.shape, bool)
    frames, columns = np.nonzero(wanted)
    if len(frames) > EXPLANATIONS_MAX:
        raise too_large(
            "explain",
            f"{len(frames):,} scores are to be explained, at most {EXPLANATIONS_MAX:,} are; "
            "send fewer frames at a time, or explain none",
            EXPLANATIONS_MAX,
        )
    return frames, columns
