"""Scoring models, bases and scorers from the blob store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from services.blobs.folder import FolderBlobs
from services.peers.active import Version
from services.peers.models import Models
from sluice.scoring import ElementId, Scorer, build_basis, build_model, normalise

DIMENSION = 8


class CountingBlobs(FolderBlobs):
    """A blob store that remembers what was read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.read: list[str] = []

    async def get(self, digest: str) -> bytes:  # noqa: D102
        self.read.append(digest)
        return await super().get(digest)


def vectors(count: int, seed: int) -> NDArray[np.float32]:
    """Some vectors."""
    return np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)


@pytest.fixture
def blobs(tmp_path: Path) -> CountingBlobs:
    """An empty blob store."""
    return CountingBlobs(tmp_path)


async def stored(blobs: FolderBlobs, seed: int, *, background: bool = True) -> Version:
    """A version whose files are in the store."""
    basis = build_basis(vectors(100, 0)) if background else None
    ids = [ElementId(f"e{n}") for n in range(5)]
    model = build_model(vectors(5, seed), ids, basis)
    return Version(
        number=1,
        model_digest=await blobs.put(model.to_bytes()),
        basis_digest=await blobs.put(basis.to_bytes()) if basis else "",
        model_id="m",
        dimension=DIMENSION,
    )


async def test_columns_are_in_the_order_of_the_versions(blobs: CountingBlobs) -> None:
    """A scorer has a column for each version, with a basis or without, in their order."""
    versions = [await stored(blobs, seed, background=seed != 2) for seed in (1, 2, 3)]
    models = Models(blobs)
    frames = normalise(vectors(20, 9))
    together = (await models.scorer(versions)).score(frames).scores

    for column, version in enumerate(versions):
        alone = (await models.scorer([version])).score(frames).scores[:, 0]
        np.testing.assert_allclose(alone, together[:, column], atol=1e-6)


async def test_files_are_read_once(blobs: CountingBlobs) -> None:
    """A model or basis that several scorers share is read from the store once."""
    one, two = [await stored(blobs, seed) for seed in (1, 2)]
    models = Models(blobs)
    for versions in ([one], [two], [one, two], [two, one], [one]):
        await models.scorer(versions)

    assert sorted({one.model_digest, two.model_digest, one.basis_digest}) == sorted(blobs.read)


async def test_a_scorer_is_made_once(blobs: CountingBlobs) -> None:
    """The same versions have the same scorer; it is made anew once others took its place."""
    one, two = [await stored(blobs, seed) for seed in (1, 2)]
    models = Models(blobs, bytes_max=0)
    first = await models.scorer([one])
    assert first is await models.scorer([one])
    await models.scorer([two])

    assert first is not await models.scorer([one])


async def test_no_versions_have_a_scorer_too(blobs: CountingBlobs) -> None:
    """Where nothing is active, the scorer has no columns."""
    scorer = await Models(blobs).scorer([])

    assert isinstance(scorer, Scorer)
    assert (3, 0) == scorer.score(normalise(vectors(3, 1))).scores.shape
