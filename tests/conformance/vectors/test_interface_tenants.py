"""Tenants and collections of every vector store are isolated from each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from services.vectors.interface import Collection, Kind, Space, Vectors
from tests.conformance.vectors.points import FRAMES, NewCollection, bits, pick, random_points


async def test_no_tenant_sees_the_points_of_another(vectors: Vectors) -> None:
    """Reads, counts, searches and retrievals give the points of their tenant alone."""
    mine, theirs = random_points(6, name="mine"), random_points(9, name="theirs", seed=1)
    await vectors.write(FRAMES, "a", mine)
    await vectors.write(FRAMES, "a/b", theirs)

    assert bits(mine) == bits(await vectors.read(FRAMES, "a"))
    assert [6, 9] == [await vectors.count(FRAMES, tenant) for tenant in ("a", "a/b")]
    assert [] == (await vectors.retrieve(FRAMES, "a", theirs.ids)).ids
    for exact in (True, False):
        hits = await vectors.search(FRAMES, "a", theirs.vectors[0], limit=100, exact=exact)
        assert set(mine.ids) == {hit.id for hit in hits}


async def test_no_tenant_deletes_the_points_of_another(vectors: Vectors) -> None:
    """Deleting ids under a tenant, or a whole tenant, spares the points of all others."""
    mine, theirs = random_points(6, name="mine"), random_points(9, name="theirs", seed=1)
    await vectors.write(FRAMES, "a", mine)
    await vectors.write(FRAMES, "b", theirs)
    await vectors.delete(FRAMES, "a", [*theirs.ids, mine.ids[0]])

    assert bits(pick(mine, range(1, 6))) == bits(await vectors.read(FRAMES, "a"))

    await vectors.delete_tenant(FRAMES, "a")
    assert {} == bits(await vectors.read(FRAMES, "a"))
    assert bits(theirs) == bits(await vectors.read(FRAMES, "b"))


async def test_an_id_has_one_tenant(vectors: Vectors) -> None:
    """An id written under a second tenant is that one's from then on, not the first one's."""
    points = random_points(3, name="a")
    await vectors.write(FRAMES, "first", points)
    await vectors.write(FRAMES, "second", pick(points, [1]))

    assert bits(pick(points, [0, 2])) == bits(await vectors.read(FRAMES, "first"))
    assert bits(pick(points, [1])) == bits(await vectors.read(FRAMES, "second"))


async def test_collections_do_not_meet(vectors: Vectors) -> None:
    """The same ids and tenant in another kind, project, model or dimension are other points."""
    collections = [
        FRAMES,
        Collection(Kind.SAMPLES, FRAMES.space),
        Collection(Kind.FRAMES, Space("q", "resnet", 8)),
        Collection(Kind.FRAMES, Space("p", "resnet-2", 8)),
        Collection(Kind.FRAMES, Space("p", "resnet", 9)),
    ]
    written = [
        random_points(3, name="a", seed=seed, dimension=collection.space.dimension)
        for seed, collection in enumerate(collections)
    ]
    for collection, points in zip(collections, written):
        await vectors.write(collection, "t", points)
    await vectors.delete_tenant(collections[1], "t")

    expected = [bits(points) for points in written]
    expected[1] = {}
    assert expected == [bits(await vectors.read(collection, "t")) for collection in collections]


async def test_pages_hold_all_points_of_a_tenant_once(vectors: Vectors) -> None:
    """Page after page gives what the whole read gives, in the same order, and then nothing."""
    await vectors.write(FRAMES, "a", random_points(2_500, name="a"))
    await vectors.write(FRAMES, "b", random_points(10, name="b"))
    whole, after, pages = await vectors.read(FRAMES, "a"), None, []
    while page := await vectors.read_page(FRAMES, "a", after=after, limit=999):
        pages.append(page)
        after = page.ids[-1]
    assert [999, 999, 502] == [len(page) for page in pages]
    assert list(whole.ids) == [point for page in pages for point in page.ids]
    assert bits(whole) == {point: of for page in pages for point, of in bits(page).items()}


async def test_collections_and_tenants_are_listed(
    vectors: Vectors, new_collection: NewCollection
) -> None:
    """Collections of a project are those written to, tenants those that have points."""
    one, other = new_collection(8), new_collection(8)
    for collection in (other, one):
        await vectors.write(collection, "a", random_points(3, name="a"))
        await vectors.write(collection, "b", random_points(3, name="b"))
    await vectors.delete_tenant(one, "a")
    assert [one, other] == await vectors.collections("p")
    assert [] == await vectors.collections("q")
    assert (["b"], ["a", "b"]) == (await vectors.tenants(one), await vectors.tenants(other))
    assert [] == await vectors.tenants(new_collection(8))


async def test_a_dropped_collection_is_gone(
    open_vectors: Callable[[], Awaitable[Vectors]], new_collection: NewCollection
) -> None:
    """It is not listed and has no points, also after a restart; twice is the same; others stay."""
    dropped, other = new_collection(8), new_collection(8)
    store = await open_vectors()
    for collection in (dropped, other):
        await store.write(collection, "t", random_points(3, name="a"))
    for _ in range(2):
        await store.drop(dropped)
    assert [other] == await store.collections("p")
    assert ({}, []) == (bits(await store.read(dropped, "t")), await store.tenants(dropped))
    await store.close()

    store = await open_vectors()
    assert [other] == await store.collections("p")
    assert 3 == await store.count(other, "t")
    await store.close()
