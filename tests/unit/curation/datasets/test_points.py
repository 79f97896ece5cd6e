"""The points of frames in the vector store."""

from __future__ import annotations

from services.curation.datasets.append import AppendResult
from tests.unit.campaign.faults import failing
from tests.unit.curation.datasets.harness import DatasetHarness, named_points, stored_points


async def test_replaced_vectors_are_deleted(harness: DatasetHarness) -> None:
    """A frame has one point; a store that cannot delete the old one fails nobody."""
    await harness.append("a")
    await harness.append("a", seed=1)
    assert await named_points(harness, "a") == await stored_points(harness)
    broken = harness.with_stores(vectors=failing(harness.curation.stores.vectors, "delete"))

    assert AppendResult(0, 1, 0) == await broken.append("a", seed=2)
    assert 2 == len(await stored_points(harness))
