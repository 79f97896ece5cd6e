"""Finding similar frames while old points are left behind."""

from __future__ import annotations

import numpy as np

from services.curation.datasets.filters import EVERYTHING
from services.curation.datasets.similar import SimilarityQuery, find_similar
from sluice.scoring.vectors import normalise
from tests.unit.campaign.faults import failing
from tests.unit.curation.datasets.harness import NAME, DatasetHarness, stored_points, vector


async def test_a_point_left_behind_is_not_found(harness: DatasetHarness) -> None:
    """A frame is found by the embedding that it has, also while its old one is still stored."""
    await harness.append("a", "b")
    broken = harness.with_stores(vectors=failing(harness.curation.stores.vectors, "delete"))
    await broken.append("b", seed=1)
    asked = SimilarityQuery(["a"], NAME, 10, EVERYTHING)
    [found] = await find_similar(harness.curation, NAME, asked)
    given, now = normalise(np.stack([vector("a"), vector("b", 1)]))

    assert 3 == len(await stored_points(harness))
    assert "b" == found.frame.row.id
    np.testing.assert_allclose(given @ now, found.similarity, rtol=1e-5)
