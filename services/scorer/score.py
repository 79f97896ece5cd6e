"""Scoring batches of frames against the active campaigns of a project."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.peers.active import ActiveVersions
from services.peers.models import Models
from services.scorer.columns import Choice, Columns, Wanted
from services.scorer.groups import Groups
from sluice.checks import too_large
from sluice.errors import InvalidArgument
from sluice.explanations import Explanation, explain_matches, explain_scores
from sluice.limits import BATCH_MATCHES_MAX
from sluice.names import CampaignName
from sluice.scoring import Matches, Scorer, Scores, normalise
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
    """Frames to be scored, by which campaigns (none: all that can), and what to explain.

    With `matches_only` no scores below the threshold are wanted.
    """

    project: str
    embeddings: Embeddings
    campaigns: Sequence[CampaignName] = ()
    explain: Explain = Explain.MATCHES
    matches_only: bool = False


@dataclass(frozen=True, slots=True)
class Explained:
    """The explanation of one score: the indices of its frame and of its column."""

    frame: int
    column: int
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class ScoredBatch:
    """The scores of a batch, `(frames, columns)`, or only its matches; and why they are so."""

    columns: Columns
    scores: Scores | Matches
    explained: tuple[Explained, ...] = ()


@dataclass(frozen=True, slots=True)
class _Job:
    """A batch with all that is needed to score it, and what then makes the answer of it."""

    scorer: Scorer
    columns: Columns
    batch: Batch
    answer: Callable[[Batch, ScoredBatch], Any]


class BatchScorer:
    """Scores batches, so many groups of them at a time, in threads of its own.

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
        is inactive, InvalidArgument for one of another space, for vectors without direction and
        for explanations of scores that are not wanted, and what `answer` raises.
        """
        if batch.matches_only and batch.explain is Explain.ALL:
            problem = "ALL, but with matches_only only MATCHES or NONE can be explained"
            raise InvalidArgument.of("explain", problem)
        embeddings = batch.embeddings
        dimension = embeddings.vectors.shape[1]
        columns = await self._choice.columns(
            Wanted(batch.project, embeddings.model_id, dimension, tuple(batch.campaigns))
        )
        scorer = await self._models.scorer(columns.versions)
        job = _Job(scorer, columns, batch, answer)
        key = columns, batch.matches_only
        answered: _Answer = await self._groups.done(key, job, len(embeddings.vectors))
        return answered

    def close(self) -> None:
        """Let the threads go."""
        self._groups.close()


def _score(jobs: Sequence[_Job]) -> Iterator[Any]:
    """The answer to each, or what is wrong with it; all that are right are scored as one."""
    units: list[Any] = [_attempt(_unit_of, job) for job in jobs]
    right = [index for index, unit in enumerate(units) if not isinstance(unit, Exception)]
    found = iter(_score_as_one([jobs[i] for i in right], [units[i] for i in right]))
    for job, unit in zip(jobs, units, strict=True):
        is_right = not isinstance(unit, Exception)
        yield _attempt(_answer, job, unit, next(found)) if is_right else unit


def _attempt(make: Callable[..., Any], *arguments: Any) -> Any:
    """What is made, or what it failed with: one batch's trouble is not that of the others."""
    try:
        return make(*arguments)
    except Exception as error:  # noqa: BLE001 - whoever waits for this batch will raise it
        return error


def _unit_of(job: _Job) -> NDArray[np.float32]:
    return normalise(job.batch.embeddings.vectors)


def _score_as_one(
    jobs: Sequence[_Job], units: Sequence[NDArray[np.float32]]
) -> list[Scores | Matches]:
    """What each batch scores; columns, what scores them, and what is wanted are the same."""
    if not jobs:
        return []
    each = [job.batch.embeddings for job in jobs]
    if len(jobs) == 1:
        return [_found(jobs[0], units[0], each[0].frame_of_row, each[0].frame_count)]
    rows = np.cumsum([0, *map(len, units)])
    frames = np.cumsum([0, *(embeddings.frame_count for embeddings in each)])
    frame_of_row = np.concatenate([e.frame_of_row + first for e, first in zip(each, frames)])
    found = _found(jobs[0], np.concatenate(units), frame_of_row, int(frames[-1]))
    part: Callable[..., Any] = _matches_of if isinstance(found, Matches) else _scores_of
    return [part(found, *bounds) for bounds in zip(frames[:-1], frames[1:], rows[:-1])]


def _found(
    job: _Job, unit: NDArray[np.float32], frame_of_row: NDArray[np.intp], frames: int
) -> Scores | Matches:
    if job.batch.matches_only:
        return job.scorer.matches(unit, job.columns.thresholds, frame_of_row, frames)
    return job.scorer.score(unit, frame_of_row, frames)


def _scores_of(scores: Scores, start: int, end: int, first_row: int) -> Scores:
    """The scores of the frames from `start` to `end`, whose rows begin at that one."""
    rows = scores.rows[start:end] - first_row
    return Scores(scores.scores[start:end], scores.contrasts[start:end], rows)


def _matches_of(matches: Matches, start: int, end: int, first_row: int) -> Matches:
    """The matches of these frames."""
    at = slice(*np.searchsorted(matches.frames, [start, end]))
    return Matches(
        matches.frames[at] - start,
        matches.columns[at],
        matches.scores[at],
        matches.contrasts[at],
        matches.rows[at] - first_row,
    )


def _answer(job: _Job, unit: NDArray[np.float32], scores: Scores | Matches) -> Any:
    explained = tuple(_explained(job, unit, scores))
    return job.answer(job.batch, ScoredBatch(job.columns, scores, explained))


def _explained(
    job: _Job, unit: NDArray[np.float32], scores: Scores | Matches
) -> Iterable[Explained]:
    batch, columns = job.batch, job.columns
    said: dict[str, Any] = {
        "campaigns": columns.names,
        "thresholds": columns.thresholds.tolist(),
        "label_ids": batch.embeddings.label_ids,
    }
    if isinstance(scores, Scores):
        frames, at = _to_explain(batch.explain, scores.scores, columns.thresholds)
        _check_explained(len(frames))
        found = explain_scores(job.scorer, unit, scores, frames=frames, columns=at, **said)
    elif batch.explain is Explain.NONE:
        return ()
    else:
        frames, at = scores.frames, scores.columns
        _check_explained(len(frames))
        found = explain_matches(job.scorer, unit, scores, **said)
    return map(Explained, frames.tolist(), at.tolist(), found)


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
    return frames, columns


def _check_explained(count: int) -> None:
    if count > EXPLANATIONS_MAX:
        raise too_large(
            "explain",
            f"{count:,} scores are to be explained, at most {EXPLANATIONS_MAX:,} are; "
            "send fewer frames at a time, or explain none",
            EXPLANATIONS_MAX,
        )
