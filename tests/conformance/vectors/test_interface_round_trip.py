"""Points are read back from every vector store complete and exactly as written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from services.vectors.interface import Collection, Kind, Points, Vectors
from services.vectors.naming import point_id
from tests.conformance.vectors.points import FRAMES, NewCollection, bits, pick, random_points

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=12,
)
payloads = st.dictionaries(
    st.sampled_from(["tenant", "payload"]) | st.text(), json_values, max_size=5
)
finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def any_points(draw: st.DrawFn) -> Points:
    """Points of any dimension: all finite float32 are allowed, and all JSON."""
    shape = draw(st.tuples(st.integers(1, 6), st.integers(2, 40)))
    vectors = draw(st_numpy.arrays(np.float32, shape, elements=finite))
    ids = draw(st.lists(st.uuids(), min_size=shape[0], max_size=shape[0], unique=True))
    return Points(ids, vectors, [draw(payloads) for _ in range(shape[0])])


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(points=any_points())
async def test_points_come_back_as_written(
    vectors: Vectors, new_collection: NewCollection, points: Points
) -> None:
    """Vectors come back bit for bit and payloads value for value, ordered by id."""
    collection = new_collection(points.vectors.shape[1])
    await vectors.write(collection, "t", points)

    read = await vectors.read(collection, "t")
    assert bits(points) == bits(read)
    assert sorted(points.ids) == read.ids
    assert np.float32 == read.vectors.dtype
    assert bits(points) == bits(await vectors.retrieve(collection, "t", points.ids))


async def test_a_tenant_of_many_pages_comes_back(vectors: Vectors) -> None:
    """More points than any store moves at once are all read, retrieved, counted and deleted."""
    points = random_points(2_345, name="a")
    await vectors.write(FRAMES, "t", points)

    assert bits(points) == bits(await vectors.read(FRAMES, "t"))
    assert points.ids == (await vectors.retrieve(FRAMES, "t", points.ids)).ids
    assert 2_345 == await vectors.count(FRAMES, "t")

    await vectors.delete(FRAMES, "t", points.ids[:2_200])
    assert sorted(points.ids[2_200:]) == (await vectors.read(FRAMES, "t")).ids


async def test_writing_again_changes_nothing(vectors: Vectors) -> None:
    """A write may be repeated: each point is there once, as it was."""
    points = random_points(5, name="a")
    await vectors.write(FRAMES, "t", points)
    await vectors.write(FRAMES, "t", points)

    assert bits(points) == bits(await vectors.read(FRAMES, "t"))


async def test_a_later_write_replaces_vector_and_payload(vectors: Vectors) -> None:
    """A point written again has the new vector and the new payload, with nothing of the old."""
    old, new = random_points(4, name="a"), random_points(2, name="a", seed=1)
    new = Points(new.ids, new.vectors, [{"other": "x"}, {}])
    await vectors.write(FRAMES, "t", old)
    await vectors.write(FRAMES, "t", new)

    assert bits(old) | bits(new) == bits(await vectors.read(FRAMES, "t"))


async def test_retrieval_keeps_the_order_of_ids(vectors: Vectors) -> None:
    """Points come in the order of the requested ids; missing ones are left out."""
    points = random_points(5, name="a")
    await vectors.write(FRAMES, "t", points)
    missing = point_id("never", "written")

    got = await vectors.retrieve(
        FRAMES, "t", [points.ids[3], missing, points.ids[0], points.ids[4]]
    )
    assert [points.ids[row] for row in (3, 0, 4)] == got.ids
    assert list(bits(pick(points, [3, 0, 4])).values()) == list(bits(got).values())


async def test_points_survive_reopening(
    vectors: Vectors, open_vectors: Callable[[], Awaitable[Vectors]]
) -> None:
    """Points and deletes of several collections outlive the store's closing."""
    samples = Collection(Kind.SAMPLES, FRAMES.space)
    points = random_points(50, name="a")
    for collection in (FRAMES, samples):
        await vectors.write(collection, "t", points)
    await vectors.delete(FRAMES, "t", points.ids[:20])
    await vectors.close()

    opened = await open_vectors()
    assert bits(pick(points, range(20, 50))) == bits(await opened.read(FRAMES, "t"))
    assert bits(points) == bits(await opened.read(samples, "t"))
    hits = await opened.search(samples, "t", points.vectors[7], limit=1, exact=True)
    assert [points.ids[7]] == [hit.id for hit in hits]
    await opened.close()


async def test_unknown_collections_and_tenants_are_empty(vectors: Vectors) -> None:
    """An unknown collection, and an unknown tenant of a known one, are empty and may be deleted."""
    query = random_points(1, name="q").vectors[0]
    unknown = Collection(Kind.ELEMENTS, FRAMES.space)
    await vectors.write(FRAMES, "t", random_points(3, name="a"))

    for collection, tenant in ((unknown, "t"), (FRAMES, "u")):
        await vectors.delete(collection, tenant, [point_id("x")])
        await vectors.delete_tenant(collection, tenant)
        assert 0 == await vectors.count(collection, tenant)
        assert (0, 8) == (await vectors.read(collection, tenant)).vectors.shape
        assert (0, 8) == (await vectors.retrieve(collection, tenant, [point_id("x")])).vectors.shape
        assert [] == await vectors.search(collection, tenant, query, limit=3)
    assert 3 == await vectors.count(FRAMES, "t")


async def test_no_points_may_be_written_and_deleted(vectors: Vectors) -> None:
    """Writing, retrieving and deleting no points at all is harmless."""
    nothing = Points([], np.empty((0, 8), np.float32), [])
    await vectors.write(FRAMES, "t", random_points(2, name="a"))
    await vectors.write(FRAMES, "t", nothing)
    await vectors.delete(FRAMES, "t", [])

    assert [] == (await vectors.retrieve(FRAMES, "t", [])).ids
    assert 2 == await vectors.count(FRAMES, "t")
