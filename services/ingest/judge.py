"""Judging a batch: which of its matches are matches, by ingest's own scores.

Everything here is decided from the batch, the campaign versions and their models alone; what the
ledger knows (duplicates, budgets) is decided in `plan.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from services.ingest.batch import Batch, Match, Verdict
from services.peers.active import ActiveVersions, Budget, Version
from services.peers.models import Models
from sluice.errors import DataLoss, InvalidArgument, NotFound, PermissionDenied, Unavailable
from sluice.explanations import Explanation, explain_scores
from sluice.frames import Frame
from sluice.limits import THRESHOLD_DEFAULT
from sluice.names import CampaignName
from sluice.scoring import Scorer, normalise
from sluice.tally import Tally
from sluice.tensors import Embeddings

INLINE_BYTES_MAX = 4 * 2**20
"""Elements read for all matches up to which they are judged at once, in less than a millisecond.

To hand so little to a thread, and wait for it, takes longer than the work.
"""

SCORE_TOLERANCE = 1e-3
"""How far a logger's score may be from ingest's: float32 products differ between machines."""


@dataclass(frozen=True, slots=True)
class JudgedCampaign:
    """A campaign version that a batch was judged under; `active` is its state now."""

    campaign: str
    version: Version
    active: bool
    threshold: float
    budget: Budget


@dataclass(frozen=True, slots=True)
class JudgedMatch:
    """One frame under one campaign.

    PENDING means a match for which the ledger is still to be asked; then there is an explanation,
    and `vector` is the `(dimension,) float32` that has the score.
    """

    frame: Frame
    campaign: int
    verdict: Verdict
    score: float
    vector: NDArray[np.float32] | None = None
    explanation: Explanation | None = None

    def explained(self, vector: NDArray[np.float32], explanation: Explanation) -> JudgedMatch:
        """The same with what made its score, and why."""
        return JudgedMatch(self.frame, self.campaign, self.verdict, self.score, vector, explanation)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A batch with its campaigns, in the order of its tallies, and its matches, in its order."""

    batch: Batch
    campaigns: tuple[JudgedCampaign, ...]
    matches: tuple[JudgedMatch, ...]


async def judge(active: ActiveVersions, models: Models, project: str, batch: Batch) -> Judgement:
    """Check a batch against the versions it names and score its matches again.

    Raises InvalidArgument, NotFound or PermissionDenied naming what is wrong with the batch.
    """
    campaigns = await _examined(active, project, batch)
    return Judgement(batch, campaigns, await _rescore(models, batch, campaigns))


async def judge_together(
    active: ActiveVersions, models: Models, project: str, batches: Sequence[Batch]
) -> list[Judgement]:
    """Judge batches at once, which takes little longer than one where they name the same versions.

    Raises what is wrong with one of them, but rows are counted through all of them.
    """
    campaigns = [await _examined(active, project, batch) for batch in batches]
    if any(others != campaigns[0] for others in campaigns):
        return [
            Judgement(batch, its, await _rescore(models, batch, its))
            for batch, its in zip(batches, campaigns, strict=True)
        ]
    judged = iter(await _rescore(models, _joined(batches), campaigns[0]))
    return [
        Judgement(batch, campaigns[0], tuple(islice(judged, batch.score_count)))
        for batch in batches
    ]


def _joined(batches: Sequence[Batch]) -> Batch:
    """One batch with the matches of all, which name the same versions and so are of one space."""
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


async def _examined(
    active: ActiveVersions, project: str, batch: Batch
) -> tuple[JudgedCampaign, ...]:
    _check_consistency(batch)
    campaigns = await _campaigns(active, project, batch)
    _check_space(batch, [judged.version for judged in campaigns])
    return campaigns


def _check_consistency(batch: Batch) -> None:
    """Refuse a batch whose parts contradict each other."""
    frames = len(batch.seen_hashes)
    for index, tally in enumerate(batch.tallies):
        if tally.count != frames:
            raise InvalidArgument.of(
                f"batch.tallies[{index}].count",
                f"{tally.count} is not the number of frames seen, {frames}",
            )
    _check_unique("batch.tallies", "campaign", [tally.campaign for tally in batch.tallies])
    _check_unique("batch.matches", "frame id", [match.frame.id for match in batch.matches])
    if len(batch.matches) > frames:
        raise InvalidArgument.of(
            "batch.matches", f"{len(batch.matches)} matches of {frames} frames seen"
        )
    for index, match in enumerate(batch.matches):
        _check_scores(f"batch.matches[{index}].scores", match, len(batch.tallies))
    rows = batch.embeddings.frame_count if batch.embeddings else 0
    if rows != len(batch.matches):
        raise InvalidArgument.of(
            "batch.embeddings", f"vectors of {rows} frames for {len(batch.matches)} matches"
        )


def _check_scores(field: str, match: Match, tallies: int) -> None:
    indices = [index for index, _ in match.scores]
    if not indices:
        raise InvalidArgument.of(field, f"frame {match.frame.id!r} matches no campaign")
    _check_unique(field, "tally_index", indices)
    for index, score in match.scores:
        if index >= tallies:
            raise InvalidArgument.of(field, f"tally_index {index} of {tallies} tallies")
        if not 0 <= score <= 1:
            raise InvalidArgument.of(field, f"score {score} is not in 0…1")


def _check_unique(field: str, what: str, values: Sequence[object]) -> None:
    seen = set()
    for value in values:
        if value in seen:
            raise InvalidArgument.of(field, f"{what} {value!r} stands twice")
        seen.add(value)


async def _campaigns(
    active: ActiveVersions, project: str, batch: Batch
) -> tuple[JudgedCampaign, ...]:
    current = await active.current(project)
    judged = []
    for index, tally in enumerate(batch.tallies):
        field = f"batch.tallies[{index}]"
        campaign = _campaign_id(project, tally, field)
        standing = current.campaigns.get(campaign)
        if standing is not None and standing.version.number == tally.version:
            version = standing.version
        else:
            version = await _version(active, project, campaign, tally.version, field)
        if version.model_digest != tally.model_digest:
            raise InvalidArgument.of(
                f"{field}.model_digest",
                f"{tally.model_digest!r} is not that of version {tally.version}, "
                f"{version.model_digest!r}",
            )
        threshold = batch.threshold_override
        if threshold is None and standing is not None:
            threshold = standing.threshold
        judged.append(
            JudgedCampaign(
                campaign,
                version,
                active=standing is not None,
                threshold=THRESHOLD_DEFAULT if threshold is None else threshold,
                budget=standing.budget if standing is not None else Budget(),
            )
        )
    return tuple(judged)


async def _version(
    active: ActiveVersions, project: str, campaign: str, number: int, field: str
) -> Version:
    try:
        return await active.version(project, campaign, number)
    except NotFound as error:
        raise NotFound(f"{field}: {error.message}") from error


def _campaign_id(project: str, tally: Tally, field: str) -> str:
    name = CampaignName.parse(tally.campaign, f"{field}.campaign")
    if name.project != project:
        raise PermissionDenied(
            f"{field}.campaign: {tally.campaign!r} is not of the session's project {project!r}",
            reason="FOREIGN_PROJECT",
        )
    return name.campaign


def _check_space(batch: Batch, versions: Sequence[Version]) -> None:
    spaces = {(version.model_id, version.dimension) for version in versions}
    if batch.embeddings is not None:
        spaces.add((batch.embeddings.model_id, batch.embeddings.vectors.shape[1]))
    if len(spaces) > 1:
        named = ", ".join(f"{model!r} with {dim} dimensions" for model, dim in sorted(spaces))
        raise InvalidArgument.of(
            "batch.embeddings",
            f"one batch is of one space, not of {named}",
            reason="SPACE_MISMATCH",
        )


async def _rescore(
    models: Models, batch: Batch, campaigns: Sequence[JudgedCampaign]
) -> tuple[JudgedMatch, ...]:
    if not batch.matches:
        return ()
    columns = [index for index, judged in enumerate(campaigns) if judged.active]
    if not columns:
        return tuple(
            JudgedMatch(match.frame, index, Verdict.INACTIVE, score)
            for match in batch.matches
            for index, score in match.scores
        )
    try:
        scorer = await models.scorer([campaigns[index].version for index in columns])
    except (DataLoss, NotFound) as error:
        # The batch is right and the server's file is not: the logger must keep the batch.
        raise Unavailable(f"a scoring model cannot be read: {error}", retry_after_s=5) from error
    if len(batch.matches) * scorer.nbytes <= INLINE_BYTES_MAX:
        return _judge_matches(scorer, batch, campaigns, columns)
    return await asyncio.to_thread(_judge_matches, scorer, batch, campaigns, columns)


def _judge_matches(
    scorer: Scorer, batch: Batch, campaigns: Sequence[JudgedCampaign], columns: Sequence[int]
) -> tuple[JudgedMatch, ...]:
    """Judge each match under each of its campaigns; the scorer's columns are those active."""
    embeddings = batch.embeddings
    assert embeddings is not None  # _check_consistency: there are matches
    vectors = _unit_vectors(embeddings.vectors)
    scores = scorer.score(vectors, embeddings.frame_of_row, embeddings.frame_count)
    column_of = {index: column for column, index in enumerate(columns)}
    judged: list[JudgedMatch] = []
    passed: list[tuple[int, int, int]] = []
    for frame, match in enumerate(batch.matches):
        for index, claimed in match.scores:
            column = column_of.get(index, -1)
            score = float(scores.scores[frame, column]) if column >= 0 else claimed
            verdict = _verdict(campaigns[index], score, claimed)
            if verdict is Verdict.PENDING:
                passed.append((len(judged), frame, column))
            judged.append(JudgedMatch(match.frame, index, verdict, score))
    if not passed:
        return tuple(judged)
    at, frames, in_columns = np.array(passed, np.intp).T
    explanations = explain_scores(
        scorer,
        vectors,
        scores,
        frames=frames,
        columns=in_columns,
        campaigns=[batch.tallies[index].campaign for index in columns],
        thresholds=[campaigns[index].threshold for index in columns],
        label_ids=embeddings.label_ids,
    )
    rows = scores.rows[frames, in_columns]
    for index, row, explanation in zip(at.tolist(), rows.tolist(), explanations, strict=True):
        judged[index] = judged[index].explained(vectors[row], explanation)
    return tuple(judged)


def _unit_vectors(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    try:
        return normalise(vectors)
    except InvalidArgument as error:
        # It knows rows; whoever sent them knows where in the batch they stand.
        [found] = error.fields
        raise InvalidArgument.of(
            f"batch.{found.field}", found.description, reason=error.reason, metadata=error.metadata
        ) from error


def _verdict(campaign: JudgedCampaign, score: float, claimed: float) -> Verdict:
    if not campaign.active:
        return Verdict.INACTIVE
    if abs(score - claimed) > SCORE_TOLERANCE:
        return Verdict.SCORE_MISMATCH
    return Verdict.PENDING if score >= campaign.threshold else Verdict.BELOW_THRESHOLD
