"""Judging a batch: ingest scores each match again, and decides whether it is one.

A judgement depends on the batch, the campaign versions and their models alone; what depends on
the ledger (duplicates, budgets) is decided in `plan.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from services.ingest.batch import SubmittedBatch, Verdict
from services.ingest.check_batch import JudgedCampaign, check_batch
from services.peers.active import ActiveVersions
from services.peers.models import Models
from sluice.errors import DataLoss, InvalidArgument, NotFound, Unavailable
from sluice.explanations import Explanation, explain_scores
from sluice.frames import Frame
from sluice.scoring import Scorer, normalise
from sluice.tensors import Embeddings

INLINE_BYTES_MAX = 4 * 2**20
"""Elements to read, in bytes over all matches, up to which a batch is judged in the event loop.

That takes less than a millisecond; handing it to a thread and waiting for it takes longer.
"""

SCORE_TOLERANCE = 1e-3
"""Maximum difference of a logger's score and ingest's: float32 products vary by machine."""


@dataclass(frozen=True, slots=True)
class JudgedMatch:
    """One frame under one campaign; `campaign` is the index of the campaign's tally.

    PENDING is a match that is still to be checked against the ledger; it has an explanation, and
    `vector`, the `(dimension,) float32` row that has the score.
    """

    frame: Frame
    campaign: int
    verdict: Verdict
    score: float
    vector: NDArray[np.float32] | None = None
    explanation: Explanation | None = None

    def with_explanation(
        self, vector: NDArray[np.float32], explanation: Explanation
    ) -> JudgedMatch:
        """The match with the row that has its score, and the explanation of it."""
        return JudgedMatch(self.frame, self.campaign, self.verdict, self.score, vector, explanation)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A batch with its campaigns, in the order of its tallies, and its matches, in its order."""

    batch: SubmittedBatch
    campaigns: tuple[JudgedCampaign, ...]
    matches: tuple[JudgedMatch, ...]


async def judge(
    active: ActiveVersions, models: Models, project: str, batch: SubmittedBatch
) -> Judgement:
    """Check a batch against the versions that it names, and score its matches again.

    Raises InvalidArgument, NotFound or PermissionDenied naming the field.
    """
    campaigns = await check_batch(active, project, batch)
    return Judgement(batch, campaigns, await _judge_matches(models, batch, campaigns))


async def judge_together(
    active: ActiveVersions, models: Models, project: str, batches: Sequence[SubmittedBatch]
) -> list[Judgement]:
    """Judge batches at once; takes little longer than one if they name the same versions.

    Raises as `judge` does for the first invalid batch, but row numbers count through all batches.
    """
    campaigns = [await check_batch(active, project, batch) for batch in batches]
    if any(others != campaigns[0] for others in campaigns):
        return [
            Judgement(batch, judged, await _judge_matches(models, batch, judged))
            for batch, judged in zip(batches, campaigns, strict=True)
        ]
    matches = iter(await _judge_matches(models, _join(batches), campaigns[0]))
    return [
        Judgement(batch, campaigns[0], tuple(islice(matches, batch.score_count)))
        for batch in batches
    ]


def _join(batches: Sequence[SubmittedBatch]) -> SubmittedBatch:
    """One batch with the matches of all batches; they name the same versions, so one space."""
    matching = [batch for batch in batches if batch.matches]
    parts = [batch.embeddings for batch in matching if batch.embeddings is not None]
    if len(parts) < 2:
        return matching[0] if matching else batches[0]
    starts = np.cumsum([0, *(part.frame_count for part in parts)])
    return replace(
        batches[0],
        matches=tuple(match for batch in matching for match in batch.matches),
        embeddings=Embeddings(
            parts[0].model_id,
            np.concatenate([part.vectors for part in parts]),
            np.concatenate([part.frame_of_row + start for part, start in zip(parts, starts)]),
            [label_id for part in parts for label_id in part.label_ids],
        ),
    )


async def _judge_matches(
    models: Models, batch: SubmittedBatch, campaigns: Sequence[JudgedCampaign]
) -> tuple[JudgedMatch, ...]:
    if not batch.matches:
        return ()
    active = [index for index, judged in enumerate(campaigns) if judged.active]
    if not active:
        return tuple(
            JudgedMatch(match.frame, index, Verdict.INACTIVE, score)
            for match in batch.matches
            for index, score in match.scores
        )
    try:
        scorer = await models.scorer([campaigns[index].version for index in active])
    except (DataLoss, NotFound) as error:
        # The batch is valid and the server's file is damaged: the logger must keep the batch.
        raise Unavailable(f"a scoring model cannot be read: {error}", retry_after_s=5) from error
    if len(batch.matches) * scorer.nbytes <= INLINE_BYTES_MAX:
        return _score_matches(scorer, batch, campaigns, active)
    return await asyncio.to_thread(_score_matches, scorer, batch, campaigns, active)


def _score_matches(
    scorer: Scorer,
    batch: SubmittedBatch,
    campaigns: Sequence[JudgedCampaign],
    active: Sequence[int],
) -> tuple[JudgedMatch, ...]:
    """Judge each match under each of its campaigns; the scorer's columns are the active ones."""
    embeddings = batch.embeddings
    assert embeddings is not None  # check_batch: there are matches
    vectors = _normalise(embeddings.vectors)
    scores = scorer.score(vectors, embeddings.frame_of_row, embeddings.frame_count)
    column_of = {index: column for column, index in enumerate(active)}
    judged: list[JudgedMatch] = []
    pending: list[tuple[int, int, int]] = []
    for frame, match in enumerate(batch.matches):
        for index, claimed in match.scores:
            column = column_of.get(index, -1)
            score = float(scores.scores[frame, column]) if column >= 0 else claimed
            verdict = _choose_verdict(campaigns[index], score, claimed)
            if verdict is Verdict.PENDING:
                pending.append((len(judged), frame, column))
            judged.append(JudgedMatch(match.frame, index, verdict, score))
    if not pending:
        return tuple(judged)
    positions, frames, columns = np.array(pending, np.intp).T
    explanations = explain_scores(
        scorer,
        vectors,
        scores,
        frames=frames,
        columns=columns,
        campaigns=[batch.tallies[index].campaign for index in active],
        thresholds=[campaigns[index].threshold for index in active],
        label_ids=embeddings.label_ids,
    )
    rows = scores.rows[frames, columns]
    for position, row, explanation in zip(
        positions.tolist(), rows.tolist(), explanations, strict=True
    ):
        judged[position] = judged[position].with_explanation(vectors[row], explanation)
    return tuple(judged)


def _normalise(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    try:
        return normalise(vectors)
    except InvalidArgument as error:
        # The kernel names rows of its argument; the sender needs the field of the batch.
        [violation] = error.fields
        raise InvalidArgument.of(
            f"batch.{violation.field}",
            violation.description,
            reason=error.reason,
            metadata=error.metadata,
        ) from error


def _choose_verdict(campaign: JudgedCampaign, score: float, claimed: float) -> Verdict:
    if not campaign.active:
        return Verdict.INACTIVE
    if not campaign.rescored and abs(score - claimed) > SCORE_TOLERANCE:
        return Verdict.SCORE_MISMATCH
    return Verdict.PENDING if score >= campaign.threshold else Verdict.BELOW_THRESHOLD
