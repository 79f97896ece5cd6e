"""What the names of points and collections promise."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.vectors.interface import Collection, Kind, Space
from services.vectors.naming import collection_digest, point_id

parts = st.lists(st.text(alphabet='ab/",[]\\', max_size=3), max_size=4)
collections = st.builds(
    Collection,
    st.sampled_from(Kind),
    st.builds(Space, st.text("ab1,"), st.text("ab1,"), st.integers(2, 30)),
)


def test_names_never_change() -> None:
    """Ids and digests stay what they were, or nothing stored before would be found."""
    collection = Collection(Kind.SAMPLES, Space("p", "resnet", 512))

    assert UUID("67b2175c-6a49-56d0-b67b-8ae2eca9f13b") == point_id("p", "campaign", "é")
    expected = "ddec3eed08eda023687daebb9a70249d8539bc677e05f8d0e7bb96a333d0268d"
    assert expected == collection_digest(collection)


@given(one=parts, other=parts)
def test_other_parts_give_another_id(one: list[str], other: list[str]) -> None:
    """Two ids are equal only when all their parts are, however the parts could be joined."""
    assert (one == other) == (point_id(*one) == point_id(*other))


@given(one=collections, other=collections)
def test_another_collection_has_another_digest(one: Collection, other: Collection) -> None:
    """Two digests are equal only when kind, project, model and dimension are."""
    assert (one == other) == (collection_digest(one) == collection_digest(other))
