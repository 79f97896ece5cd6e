"""The projected embeddings of a dataset, also when some of them are lost."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pytest

from services.curation.batches import projection
from services.curation.batches.projection import read_projected
from services.curation.datasets.counts import read_dataset_frames
from services.curation.datasets.points import frames_collection, tenant_of
from sluice.errors import DataLoss
from sluice.scoring import build_basis
from tests.unit.curation.batches.helpers import (
    create,
    frames,
)
from tests.unit.curation.datasets.harness import (
    DIMENSION,
    NAME,
    DatasetHarness,
    vector,
)


async def lose(harness: DatasetHarness, count: int) -> None:
    """Take embeddings out of the vector store, as a hand in it might."""
    rows = [known.row for known in await frames(harness)][:count]
    ids = [UUID(bytes=row.vectors[0].point) for row in rows]
    collection = frames_collection(NAME.project, "m", DIMENSION)
    await harness.curation.stores.vectors.delete(collection, tenant_of(NAME), ids)


async def test_lost_embeddings_are_said(harness: DatasetHarness) -> None:
    """Groups whose embeddings are lost are still groups, and the batch says what to do."""
    await lose(harness, 6)
    made = await create(harness, count=40)

    assert f"6 embeddings are lost: {projection.RECOVERY_HINT}." in made.notes
    assert 40 == made.picked


async def test_most_embeddings_lost_is_an_error(
    harness: DatasetHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch is not chosen by the few embeddings that are left of many."""
    monkeypatch.setattr(projection, "PCA_ROWS_MAX", 64)
    await lose(harness, 70)

    with pytest.raises(DataLoss, match=r"most embeddings of .* are lost"):
        await create(harness, count=4)


async def test_places_follow_from_the_rows_alone(harness: DatasetHarness) -> None:
    """Embeddings are in the basis in the order of the frames, however they are paged."""
    stores = harness.curation.stores
    rows = [known.row for known in await frames(harness)]
    points = b"".join(row.vectors[0].point for row in rows)
    space = (await read_dataset_frames(stores, NAME)).record
    whole = await read_projected(stores, NAME, space, points, seed=0)
    given = np.stack([vector(row.id) for row in rows])
    unit = given / np.linalg.norm(given, axis=1, keepdims=True)
    np.testing.assert_allclose(build_basis(unit).project(unit), whole.rows, atol=1e-5)
    assert whole.present.all()
