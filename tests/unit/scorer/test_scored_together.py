"""Batches that are scored together score as each would alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from services.blobs.folder import FolderBlobs
from services.peers.active import ActiveCampaign, ActiveSet, Version
from services.peers.models import Models
from services.scorer.score import Batch, BatchScorer, Explain, ScoredBatch
from sluice.errors import InvalidArgument, NotFound, SluiceError
from sluice.names import CampaignName
from sluice.scoring import ElementId, Matches, Scores, build_basis, build_model
from sluice.tensors import Embeddings
from tests.score_comparison import ROUNDING

PROJECT, MODEL, DIMENSION = "p", "m", 16
CAMPAIGNS = [("a", 0.5), ("b", None), ("c", 0.2)]


class Fixed:
    """Campaigns that are active and stay so."""

    def __init__(self, campaigns: dict[str, ActiveCampaign]) -> None:
        self._current = ActiveSet(1, campaigns)

    async def current(self, project: str) -> ActiveSet:
        """See ActiveVersions."""
        return self._current

    async def version(self, project: str, campaign: str, number: int) -> Version:
        """See ActiveVersions."""
        raise NotFound(f"{campaign} has no version")


def rows_of(count: int, seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Vectors in all directions."""
    return np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)


@asynccontextmanager
async def scoring(folder: Path, group_rows_max: int) -> AsyncIterator[BatchScorer]:
    """Scoring in one thread, by three campaigns with models of their own."""
    blobs = FolderBlobs(folder)
    basis = build_basis(rows_of(100, 1))
    digest = await blobs.put(basis.to_bytes())
    campaigns = {}
    for number, (name, threshold) in enumerate(CAMPAIGNS):
        ids = [ElementId(f"{name}{at}") for at in range(20 + number)]
        model = build_model(rows_of(len(ids), 10 + number), ids, basis)
        version = Version(1, await blobs.put(model.to_bytes()), digest, MODEL, DIMENSION)
        campaigns[name] = ActiveCampaign(name, version, threshold)
    found = BatchScorer(Fixed(campaigns), Models(blobs), threads=1, group_rows_max=group_rows_max)
    yield found
    found.close()


def batches() -> list[Batch]:
    """Batches of all sorts, the one with index 3 invalid."""
    crops = Embeddings(MODEL, rows_of(5, 30), np.array([0, 0, 1, 2, 2]), ["", "x", "", "y", "z"])
    nan = rows_of(4, 31)
    nan[2] = np.nan
    plain = [Embeddings.of_frames(MODEL, rows_of(count, 32 + count)) for count in (8, 1, 0, 30)]
    return [
        Batch(PROJECT, plain[0], explain=Explain.ALL),
        Batch(PROJECT, crops, explain=Explain.ALL),
        Batch(PROJECT, plain[1]),
        Batch(PROJECT, Embeddings.of_frames(MODEL, nan)),
        Batch(PROJECT, plain[2]),
        Batch(PROJECT, plain[3], explain=Explain.NONE),
    ]


async def all_at_once(of: BatchScorer, wanted: list[Batch]) -> list[Any]:
    """The results of batches that all wait while the thread is busy; errors among them."""
    begun, go = Event(), Event()

    def hold_up(batch: Batch, scored: ScoredBatch) -> None:
        begun.set()
        assert go.wait(10)

    first = Batch(PROJECT, Embeddings.of_frames(MODEL, rows_of(1, 2)))
    busy = asyncio.create_task(of.score(first, hold_up))
    await asyncio.to_thread(begun.wait)
    waiting = asyncio.gather(*(of.score(b, kept) for b in wanted), return_exceptions=True)
    for _ in range(20):
        await asyncio.sleep(0)
    go.set()
    await busy
    return await waiting


def kept(batch: Batch, scored: ScoredBatch) -> ScoredBatch:
    """The scores as they are."""
    return scored


async def alone(of: BatchScorer, batch: Batch) -> ScoredBatch | SluiceError:
    """The result of one batch, of which no other is scored with."""
    try:
        return await of.score(batch, kept)
    except SluiceError as error:
        return error


def same_matches(one: ScoredBatch, other: ScoredBatch) -> None:
    """The same matches but for rounding, explained alike."""
    assert isinstance(one.scores, Matches)
    assert isinstance(other.scores, Matches)
    for part in ("frames", "columns", "rows"):
        assert getattr(one.scores, part).tolist() == getattr(other.scores, part).tolist()
    np.testing.assert_allclose(one.scores.scores, other.scores.scores, rtol=0, atol=ROUNDING)
    assert [named(e) for e in one.explained] == [named(e) for e in other.explained]


def same(one: ScoredBatch, other: ScoredBatch) -> None:
    """The same but for rounding: products of other sizes may be summed up in another order."""
    assert one.columns is other.columns
    assert isinstance(one.scores, Scores)
    assert isinstance(other.scores, Scores)
    np.testing.assert_allclose(one.scores.scores, other.scores.scores, rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(one.scores.contrasts, other.scores.contrasts, rtol=0, atol=1e-6)
    assert one.scores.rows.tolist() == other.scores.rows.tolist()
    assert [named(e) for e in one.explained] == [named(e) for e in other.explained]


def named(explained: Any) -> tuple[Any, ...]:
    """Which score is explained, and by what."""
    found = explained.explanation
    ids = [(neighbour.frame_id, neighbour.label_id) for neighbour in found.neighbours]
    return explained.frame, explained.column, found.label_id, found.cluster, ids, found.runner_up


@pytest.mark.parametrize("group_rows_max", [256, 10, 0])
async def test_together_as_alone(tmp_path: Path, group_rows_max: int) -> None:
    """Scores, rows and explanations are each batch's own; an invalid batch fails alone."""
    async with scoring(tmp_path, group_rows_max) as of:
        expected = [await alone(of, batch) for batch in batches()]
        together = await all_at_once(of, batches())
    for one, other in zip(expected, together, strict=True):
        if isinstance(one, SluiceError):
            assert isinstance(other, InvalidArgument)
            assert str(one) == str(other)
        else:
            same(one, other)
    assert [False, False, False, True, False, False] == [
        isinstance(each, InvalidArgument) for each in together
    ]
    if group_rows_max == 256:  # and it was together: all are parts of one
        right = [each for each in together if isinstance(each, ScoredBatch)]
        assert 1 == len({id(each.scores.scores.base) for each in right})


async def test_matches_together_as_alone(tmp_path: Path) -> None:
    """Where only matches are wanted each batch gets its own too; others wait apart from them."""
    full = batches()
    wanted = [
        replace(batch, matches_only=True, explain=Explain.MATCHES) if index % 3 else batch
        for index, batch in enumerate(full)
    ]
    async with scoring(tmp_path, 256) as of:
        expected = [await alone(of, batch) for batch in wanted]
        together = await all_at_once(of, wanted)
    for batch, one, other in zip(wanted, expected, together, strict=True):
        if isinstance(one, ScoredBatch):
            (same_matches if batch.matches_only else same)(one, other)
    assert 3 < sum(
        len(each.scores.frames)
        for each in together
        if isinstance(each, ScoredBatch) and isinstance(each.scores, Matches)
    )


async def test_other_columns_are_scored_apart(tmp_path: Path) -> None:
    """Batches that ask for different campaigns wait side by side, and each gets its own."""
    frames = Embeddings.of_frames(MODEL, rows_of(6, 40))
    asked = [[], ["b"], ["c", "a"], ["b"]]
    wanted = [
        Batch(PROJECT, frames, [CampaignName(PROJECT, name) for name in names]) for names in asked
    ]
    async with scoring(tmp_path, 256) as of:
        expected = [await alone(of, batch) for batch in wanted]
        together = await all_at_once(of, wanted)
    for one, other, names in zip(expected, together, asked, strict=True):
        assert isinstance(one, ScoredBatch)
        same(one, other)
        assert (names or ["a", "b", "c"]) == [c.campaign for c in other.columns.campaigns]
    assert together[1].columns is together[3].columns
