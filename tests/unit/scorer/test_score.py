"""Batches that are scored together get the scores that each would get alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray

from services.blobs.folder import FolderBlobs
from services.peers.active import ActiveCampaign, ActiveSet, Version
from services.peers.models import Models
from services.scorer import score
from services.scorer.score import (
    BatchScorer,
    ExplainMode,
    ScoredBatch,
    ScoreExplanation,
    ScoringRequest,
)
from sluice.errors import InvalidArgument, NotFound, SluiceError
from sluice.names import CampaignName
from sluice.scoring import ElementId, Matches, Scores, build_basis, build_model, normalise
from sluice.tensors import Embeddings
from tests.score_comparison import ROUNDING

PROJECT, MODEL, DIMENSION = "p", "m", 16
CAMPAIGNS = [("a", 0.5), ("b", None), ("c", 0.2)]

Result = ScoredBatch | BaseException


class FixedCampaigns:
    """`ActiveVersions` with a fixed set of campaigns."""

    def __init__(self, campaigns: dict[str, ActiveCampaign]) -> None:
        self._active_set = ActiveSet(1, campaigns)

    async def current(self, project: str) -> ActiveSet:
        """See ActiveVersions."""
        return self._active_set

    async def version(
        self, project: str, campaign: str, number: int, *, fresh: bool = False
    ) -> Version:
        """See ActiveVersions."""
        raise NotFound(f"campaign {campaign} does not exist")


def random_rows(count: int, seed: int) -> NDArray[np.float32]:
    """Vectors in all directions."""
    return np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)


@asynccontextmanager
async def open_scorer(folder: Path, group_rows_max: int) -> AsyncIterator[BatchScorer]:
    """A scorer with one thread, and three campaigns with a model each."""
    blobs = FolderBlobs(folder)
    basis = build_basis(random_rows(100, 1))
    digest = await blobs.put(basis.to_bytes())
    campaigns = {}
    for number, (name, threshold) in enumerate(CAMPAIGNS):
        ids = [ElementId(f"{name}{index}") for index in range(20 + number)]
        model = build_model(random_rows(len(ids), 10 + number), ids, basis)
        version = Version(1, await blobs.put(model.to_bytes()), digest, MODEL, DIMENSION)
        campaigns[name] = ActiveCampaign(name, version, threshold)
    scorer = BatchScorer(
        FixedCampaigns(campaigns), Models(blobs), threads=1, group_rows_max=group_rows_max
    )
    yield scorer
    scorer.close()


def mixed_requests() -> list[ScoringRequest]:
    """Requests of all kinds; the one at index 3 is invalid."""
    crops = Embeddings(
        MODEL, random_rows(5, 30), np.array([0, 0, 1, 2, 2]), ["", "x", "", "y", "z"]
    )
    nan = random_rows(4, 31)
    nan[2] = np.nan
    plain = [Embeddings.of_frames(MODEL, random_rows(count, 32 + count)) for count in (8, 1, 0, 30)]
    return [
        ScoringRequest(PROJECT, plain[0], explain=ExplainMode.ALL),
        ScoringRequest(PROJECT, crops, explain=ExplainMode.ALL),
        ScoringRequest(PROJECT, plain[1]),
        ScoringRequest(PROJECT, Embeddings.of_frames(MODEL, nan)),
        ScoringRequest(PROJECT, plain[2]),
        ScoringRequest(PROJECT, plain[3], explain=ExplainMode.NONE),
    ]


async def score_together(scorer: BatchScorer, requests: list[ScoringRequest]) -> list[Result]:
    """The results of requests that all wait while the only thread is busy; errors among them."""
    started, resume = Event(), Event()

    def block(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        started.set()
        assert resume.wait(10)
        return normalise(rows)

    first = ScoringRequest(PROJECT, Embeddings.of_frames(MODEL, random_rows(1, 2)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(score, "normalise", block)
        busy = asyncio.create_task(scorer.score(first))
        await asyncio.to_thread(started.wait)
        waiting = asyncio.gather(*map(scorer.score, requests), return_exceptions=True)
        for _ in range(20):
            await asyncio.sleep(0)
        resume.set()
        await busy
        return await waiting


async def score_alone(scorer: BatchScorer, request: ScoringRequest) -> ScoredBatch | SluiceError:
    """The result of one request that is scored by itself."""
    try:
        return await scorer.score(request)
    except SluiceError as error:
        return error


def assert_same_scores(expected: ScoredBatch, actual: Result) -> None:
    """Equal but for rounding: products of other sizes may be summed up in another order."""
    assert isinstance(actual, ScoredBatch)
    assert expected.columns is actual.columns
    assert isinstance(expected.scores, Scores)
    assert isinstance(actual.scores, Scores)
    np.testing.assert_allclose(expected.scores.scores, actual.scores.scores, rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(
        expected.scores.contrasts, actual.scores.contrasts, rtol=0, atol=1e-6
    )
    assert expected.scores.rows.tolist() == actual.scores.rows.tolist()
    assert list(map(facts, expected.explanations)) == list(map(facts, actual.explanations))


def assert_same_matches(expected: ScoredBatch, actual: Result) -> None:
    """The same matches but for rounding, with the same explanations."""
    assert isinstance(actual, ScoredBatch)
    assert isinstance(expected.scores, Matches)
    assert isinstance(actual.scores, Matches)
    for field in ("frames", "columns", "rows"):
        assert getattr(expected.scores, field).tolist() == getattr(actual.scores, field).tolist()
    np.testing.assert_allclose(expected.scores.scores, actual.scores.scores, rtol=0, atol=ROUNDING)
    assert list(map(facts, expected.explanations)) == list(map(facts, actual.explanations))


def facts(explained: ScoreExplanation) -> tuple[object, ...]:
    """What an explanation names, without its numbers."""
    explanation = explained.explanation
    neighbours = [(element.frame_id, element.label_id) for element in explanation.neighbours]
    return (
        explained.frame,
        explained.column,
        explanation.label_id,
        explanation.cluster,
        neighbours,
        explanation.runner_up,
    )


@pytest.mark.parametrize("group_rows_max", [256, 10, 0])
async def test_batches_of_a_group_score_as_alone(tmp_path: Path, group_rows_max: int) -> None:
    """Each batch gets its own scores, rows and explanations; an invalid batch fails alone."""
    async with open_scorer(tmp_path, group_rows_max) as scorer:
        alone = [await score_alone(scorer, request) for request in mixed_requests()]
        together = await score_together(scorer, mixed_requests())
    for expected, actual in zip(alone, together, strict=True):
        if isinstance(expected, SluiceError):
            assert isinstance(actual, InvalidArgument)
            assert str(expected) == str(actual)
        else:
            assert_same_scores(expected, actual)
    assert [False, False, False, True, False, False] == [
        isinstance(result, InvalidArgument) for result in together
    ]
    if group_rows_max == 256:  # and they were one group: their scores share one array
        arrays = [
            result.scores.scores.base for result in together if isinstance(result, ScoredBatch)
        ]
        assert 1 == len(set(map(id, arrays)))


async def test_matches_of_a_group_are_as_alone(tmp_path: Path) -> None:
    """Requests for matches only get their own, and are not grouped with full requests."""
    requests = [
        replace(request, matches_only=True, explain=ExplainMode.MATCHES) if index % 3 else request
        for index, request in enumerate(mixed_requests())
    ]
    async with open_scorer(tmp_path, 256) as scorer:
        alone = [await score_alone(scorer, request) for request in requests]
        together = await score_together(scorer, requests)
    for request, expected, actual in zip(requests, alone, together, strict=True):
        if isinstance(expected, ScoredBatch):
            (assert_same_matches if request.matches_only else assert_same_scores)(expected, actual)
    assert 3 < sum(
        len(result.scores.frames)
        for result in together
        if isinstance(result, ScoredBatch) and isinstance(result.scores, Matches)
    )


async def test_requests_for_other_campaigns_are_scored_apart(tmp_path: Path) -> None:
    """Requests for different campaigns wait side by side, and each gets its own columns."""
    frames = Embeddings.of_frames(MODEL, random_rows(6, 40))
    campaigns = [[], ["b"], ["c", "a"], ["b"]]
    requests = [
        ScoringRequest(PROJECT, frames, [CampaignName(PROJECT, name) for name in names])
        for names in campaigns
    ]
    async with open_scorer(tmp_path, 256) as scorer:
        alone = [await score_alone(scorer, request) for request in requests]
        together = await score_together(scorer, requests)
    columns = []
    for expected, actual, names in zip(alone, together, campaigns, strict=True):
        assert isinstance(expected, ScoredBatch)
        assert_same_scores(expected, actual)
        columns.append(expected.columns)
        assert (names or ["a", "b", "c"]) == [c.campaign for c in expected.columns.campaigns]
    assert columns[1] is columns[3]
