"""Scoring a batch of frames against the active campaigns of a project."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.platform.active import ActiveCampaign, ActiveVersions
from services.platform.models import Models
from sluice.checks import too_large
from sluice.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from sluice.explanations import Explanation, explain_scores
from sluice.limits import BATCH_MATCHES_MAX, THRESHOLD_DEFAULT
from sluice.names import CampaignName
from sluice.scoring import Scorer, normalise
from sluice.tensors import Embeddings

EXPLANATIONS_MAX: Final = BATCH_MATCHES_MAX
"""How many scores of a batch are explained: as many matches as a batch may be submitted with."""


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
    """Scores `(frames, columns) float64` and the rows that have them, `(frames, columns)`."""

    columns: tuple[ActiveCampaign, ...]
    scores: NDArray[np.float64]
    rows: NDArray[np.intp]
    explained: tuple[Explained, ...] = ()


def threshold_of(column: ActiveCampaign) -> float:
    """What makes a match of a campaign, where the call does not say."""
    return THRESHOLD_DEFAULT if column.threshold is None else column.threshold


class Scoring:
    """Scores batches; keeps nothing. At most so many at a time, in threads of its own."""

    def __init__(self, active: ActiveVersions, models: Models, threads: int) -> None:
        self._active = active
        self._models = models
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="scoring")

    async def score(self, batch: Batch) -> ScoredBatch:
        """Score a batch against what is active now.

        Raises NotFound or FailedPrecondition naming a campaign asked for that does not exist or
        is inactive, InvalidArgument for one of another space or for vectors without direction.
        """
        columns = await self._columns(batch)
        scorer = await self._models.scorer([column.version for column in columns])
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, _score, scorer, batch, columns
        )

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False)

    async def _columns(self, batch: Batch) -> tuple[ActiveCampaign, ...]:
        current = (await self._active.current(batch.project)).campaigns
        space = batch.embeddings.model_id, batch.embeddings.vectors.shape[1]
        if not batch.campaigns:
            return tuple(column for _, column in sorted(current.items()) if _space(column) == space)
        columns: dict[str, ActiveCampaign] = {}
        for index, name in enumerate(batch.campaigns):
            field = f"campaigns[{index}]"
            if name.campaign in columns:
                raise InvalidArgument.of(field, f"{str(name)!r} stands twice")
            column = current.get(name.campaign) if name.project == batch.project else None
            if column is None:
                raise await self._why_not(batch.project, name, field)
            _check_space(column, space, name, field)
            columns[name.campaign] = column
        return tuple(columns.values())

    async def _why_not(
        self, project: str, name: CampaignName, field: str
    ) -> PermissionDenied | NotFound | FailedPrecondition:
        if name.project != project:
            return PermissionDenied(
                f"{field}: {str(name)!r} is not of project {project!r}", reason="FOREIGN_PROJECT"
            )
        try:
            await self._active.version(project, name.campaign, 1)
        except NotFound:
            return NotFound(f"{field}: there is no campaign {str(name)!r}")
        return FailedPrecondition(f"{field}: campaign {str(name)!r} is not active")


def _space(column: ActiveCampaign) -> tuple[str, int]:
    return column.version.model_id, column.version.dimension


def _check_space(
    column: ActiveCampaign, space: tuple[str, int], name: CampaignName, field: str
) -> None:
    if _space(column) != space:
        (model_id, dimension), (wanted_id, wanted) = space, _space(column)
        raise InvalidArgument.of(
            field,
            f"{str(name)!r} scores vectors of {wanted_id!r} with {wanted} dimensions, "
            f"not of {model_id!r} with {dimension}",
            reason="SPACE_MISMATCH",
        )


def _score(scorer: Scorer, batch: Batch, columns: tuple[ActiveCampaign, ...]) -> ScoredBatch:
    embeddings = batch.embeddings
    vectors = normalise(embeddings.vectors)
    scores = scorer.score(vectors, embeddings.frame_of_row, embeddings.frame_count)
    thresholds = [threshold_of(column) for column in columns]
    frames, at = _to_explain(batch.explain, scores.scores, thresholds)
    explanations = explain_scores(
        scorer,
        vectors,
        scores,
        frames=frames,
        columns=at,
        campaigns=[str(CampaignName(batch.project, column.campaign)) for column in columns],
        thresholds=thresholds,
        label_ids=embeddings.label_ids,
    )
    explained = map(Explained, frames.tolist(), at.tolist(), explanations)
    return ScoredBatch(columns, scores.scores, scores.rows, tuple(explained))


def _to_explain(
    explain: Explain, scores: NDArray[np.float64], thresholds: Sequence[float]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The indices `(frames,)` and `(columns,)` of the scores to be explained, by frame."""
    match explain:
        case Explain.MATCHES:
            wanted = scores >= np.array(thresholds)
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
