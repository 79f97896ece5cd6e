"""Searches in every vector store."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.vectors.interface import Vectors
from tests.conformance.vectors.points import FRAMES, NewCollection, pick, random_points


@pytest.mark.parametrize("exact", [True, False])
async def test_a_search_finds_the_nearest_of_one_tenant_among_many(
    vectors: Vectors, exact: bool
) -> None:
    """Of many tenants in one collection, the searched one's best points come, best first."""
    tenants = {f"t{k}": random_points(30, name=f"t{k}", seed=k) for k in range(12)}
    for tenant, points in tenants.items():
        await vectors.write(FRAMES, tenant, points)

    for tenant, points in tenants.items():
        query = tenants["t3"].vectors[7]
        similarities = points.vectors @ query
        best = np.argsort(-similarities)[:5]
        hits = await vectors.search(FRAMES, tenant, query, limit=5, exact=exact)

        assert [points.ids[row] for row in best] == [hit.id for hit in hits]
        assert [points.payloads[row] for row in best] == [hit.payload for hit in hits]
        np.testing.assert_allclose(
            similarities[best], [hit.similarity for hit in hits], rtol=0, atol=1e-6
        )


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    count=st.integers(1, 40),
    others=st.integers(0, 40),
    dimension=st.integers(2, 24),
    limit=st.integers(1, 60),
    seed=st.integers(0, 2**32 - 1),
)
async def test_an_exact_search_equals_a_scan(
    vectors: Vectors,
    new_collection: NewCollection,
    *,
    count: int,
    others: int,
    dimension: int,
    limit: int,
    seed: int,
) -> None:
    """An exact search is a sort by the inner product, at any limit, after deletes too."""
    collection = new_collection(dimension)
    points = random_points(count, name="mine", seed=seed, dimension=dimension)
    noise = random_points(others, name="theirs", seed=seed + 1, dimension=dimension)
    await vectors.write(collection, "mine", points)
    await vectors.write(collection, "theirs", noise)
    await vectors.delete(collection, "mine", points.ids[count // 2 + 1 :])
    left = pick(points, range(count // 2 + 1))

    query = np.random.default_rng(seed + 2).standard_normal(dimension).astype(np.float32)
    query /= np.linalg.norm(query)
    expected = np.sort(left.vectors @ query)[::-1][:limit]
    hits = await vectors.search(collection, "mine", query, limit=limit, exact=True)

    np.testing.assert_allclose(expected, [hit.similarity for hit in hits], rtol=0, atol=1e-5)
    assert len(expected) == len({hit.id for hit in hits} & set(left.ids))
