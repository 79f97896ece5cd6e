"""Scoring batches of frames against the active campaigns of a project."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.peers.active import ActiveVersions
from services.peers.models import Models
from services.scorer.columns import CampaignColumns, ColumnRequest, ColumnSelector
from services.scorer.group_executor import GroupExecutor
from sluice.checks import too_large
from sluice.errors import InvalidArgument
from sluice.explanations import Explanation, explain_matches, explain_scores
from sluice.limits import BATCH_MATCHES_MAX
from sluice.names import CampaignName
from sluice.scoring import Matches, Scorer, Scores, normalise
from sluice.tensors import Embeddings

EXPLANATIONS_MAX: Final = BATCH_MATCHES_MAX
"""Explanations of one batch: as many as the matches that may be submitted in one."""

_Rows: TypeAlias = NDArray[np.float32]


class ExplainMode(Enum):
    """Which scores are explained."""

    MATCHES = auto()
    NONE = auto()
    ALL = auto()


@dataclass(frozen=True, slots=True)
class ScoringRequest:
    """Frames to score, the campaigns to score them against (none: all), and what to explain.

    With `matches_only`, scores below the threshold are left out.
    """

    project: str
    embeddings: Embeddings
    campaigns: Sequence[CampaignName] = ()
    explain: ExplainMode = ExplainMode.MATCHES
    matches_only: bool = False


@dataclass(frozen=True, slots=True)
class ScoreExplanation:
    """The explanation of one score, at the indices of its frame and column."""

    frame: int
    column: int
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class ScoredBatch:
    """The scores of a batch, `(frames, columns)`, or only its matches; and their explanations."""

    columns: CampaignColumns
    scores: Scores | Matches
    explanations: tuple[ScoreExplanation, ...] = ()


@dataclass(frozen=True, slots=True)
class _ScoringJob:
    """A request, with the columns and the scorer that answer it."""

    request: ScoringRequest
    columns: CampaignColumns
    scorer: Scorer


class BatchScorer:
    """Scores batches in threads of its own.

    While all threads are busy, batches with the same columns wait to be scored together, up to
    `group_rows_max` rows.
    """

    def __init__(
        self, active: ActiveVersions, models: Models, *, threads: int, group_rows_max: int
    ) -> None:
        self._selector = ColumnSelector(active)
        self._models = models
        self._executor = GroupExecutor[_ScoringJob, ScoredBatch](
            _score_group, threads=threads, size_max=group_rows_max
        )

    async def score(self, request: ScoringRequest) -> ScoredBatch:
        """Score a batch against the campaigns that are active now.

        Raises NotFound or FailedPrecondition naming a requested campaign that does not exist or
        is inactive; InvalidArgument for a campaign of another space, for zero or non-finite
        vectors, and for too many explanations or some of scores that are left out.
        """
        if request.matches_only and request.explain is ExplainMode.ALL:
            raise InvalidArgument.of(
                "explain", "ALL is not supported with matches_only; use MATCHES or NONE"
            )
        embeddings = request.embeddings
        rows, dimension = embeddings.vectors.shape
        columns = await self._selector.select(
            ColumnRequest(request.project, embeddings.model_id, dimension, tuple(request.campaigns))
        )
        scorer = await self._models.scorer(columns.versions)
        key = columns, request.matches_only
        return await self._executor.run(key, _ScoringJob(request, columns, scorer), rows)

    def close(self) -> None:
        """Let the threads end."""
        self._executor.close()


def _score_group(jobs: Sequence[_ScoringJob]) -> Iterator[ScoredBatch | Exception]:
    """Score jobs with the same columns together; yield each one's scores, or its own error."""
    normalised = [_normalise(job.request.embeddings) for job in jobs]
    valid = [
        (job, rows)
        for job, rows in zip(jobs, normalised, strict=True)
        if not isinstance(rows, Exception)
    ]
    scores = iter(_score_together(valid))
    for job, rows in zip(jobs, normalised, strict=True):
        if isinstance(rows, Exception):
            yield rows
        else:
            yield _explain(job, rows, next(scores))


def _normalise(embeddings: Embeddings) -> _Rows | Exception:
    try:
        return normalise(embeddings.vectors)
    except Exception as error:  # noqa: BLE001 - raised to this job's caller alone
        return error


def _score_together(jobs: Sequence[tuple[_ScoringJob, _Rows]]) -> list[Scores | Matches]:
    """The scores of each job's normalised rows, from one call of the shared scorer."""
    if not jobs:
        return []
    first, first_rows = jobs[0]
    embeddings = [job.request.embeddings for job, _ in jobs]
    if len(jobs) == 1:
        frame_of_row, frame_count = embeddings[0].frame_of_row, embeddings[0].frame_count
        return [_score_rows(first, first_rows, frame_of_row, frame_count)]
    row_starts = np.cumsum([0, *(len(rows) for _, rows in jobs)])
    frame_starts = np.cumsum([0, *(batch.frame_count for batch in embeddings)])
    scores = _score_rows(
        first,
        np.concatenate([rows for _, rows in jobs]),
        np.concatenate(
            [batch.frame_of_row + start for batch, start in zip(embeddings, frame_starts)]
        ),
        int(frame_starts[-1]),
    )
    return [
        _slice(scores, start, end, first_row)
        for start, end, first_row in zip(frame_starts[:-1], frame_starts[1:], row_starts[:-1])
    ]


def _score_rows(
    job: _ScoringJob, rows: _Rows, frame_of_row: NDArray[np.intp], frame_count: int
) -> Scores | Matches:
    if job.request.matches_only:
        return job.scorer.matches(rows, job.columns.thresholds, frame_of_row, frame_count)
    return job.scorer.score(rows, frame_of_row, frame_count)


def _slice(scores: Scores | Matches, start: int, end: int, first_row: int) -> Scores | Matches:
    """The scores of frames `start` to `end`, the first of which begins at row `first_row`."""
    if isinstance(scores, Scores):
        return Scores(
            scores.scores[start:end],
            scores.contrasts[start:end],
            scores.rows[start:end] - first_row,
        )
    part = slice(*np.searchsorted(scores.frames, [start, end]))
    return Matches(
        scores.frames[part] - start,
        scores.columns[part],
        scores.scores[part],
        scores.contrasts[part],
        scores.rows[part] - first_row,
    )


def _explain(job: _ScoringJob, rows: _Rows, scores: Scores | Matches) -> ScoredBatch | Exception:
    try:
        return ScoredBatch(job.columns, scores, _explanations(job, rows, scores))
    except Exception as error:  # noqa: BLE001 - raised to this job's caller alone
        return error


def _explanations(
    job: _ScoringJob, rows: _Rows, scores: Scores | Matches
) -> tuple[ScoreExplanation, ...]:
    mode = job.request.explain
    if mode is ExplainMode.NONE:
        return ()
    frames, columns = _explained_pairs(mode, scores, job.columns.thresholds)
    if len(frames) > EXPLANATIONS_MAX:
        raise too_large(
            "explain",
            f"{len(frames):,} scores would be explained; at most {EXPLANATIONS_MAX:,} are "
            "supported; send fewer frames at a time, or set explain to NONE",
            EXPLANATIONS_MAX,
        )
    names, label_ids = job.columns.names, job.request.embeddings.label_ids
    thresholds = job.columns.thresholds.tolist()
    if isinstance(scores, Scores):
        explanations = explain_scores(
            job.scorer,
            rows,
            scores,
            frames=frames,
            columns=columns,
            campaigns=names,
            thresholds=thresholds,
            label_ids=label_ids,
        )
    else:
        explanations = explain_matches(
            job.scorer,
            rows,
            scores,
            campaigns=names,
            thresholds=thresholds,
            label_ids=label_ids,
        )
    return tuple(map(ScoreExplanation, frames.tolist(), columns.tolist(), explanations))


def _explained_pairs(
    mode: ExplainMode, scores: Scores | Matches, thresholds: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The indices `(pairs,)` of the frames and columns whose scores are explained, by frame."""
    if isinstance(scores, Matches):
        return scores.frames, scores.columns
    if mode is ExplainMode.ALL:
        selected = np.ones(scores.scores.shape, bool)
    else:
        selected = scores.scores >= thresholds
    frames, columns = np.nonzero(selected)
    return frames, columns
