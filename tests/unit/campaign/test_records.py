"""Keys of the ledger: distinct, and in the order in which they are listed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.campaign.records import element_key, version_key


@given(
    st.lists(st.tuples(st.text("\0\1a-/", max_size=3), st.text("\0\1a", max_size=2)), max_size=8)
)
def test_keys_keep_elements_apart_and_in_order(ids: list[tuple[str, str]]) -> None:
    """Different elements have different keys, in the order of their frame ids."""
    keys = [element_key("i", *pair) for pair in sorted(set(ids))]

    assert sorted(set(keys), key=str.encode) == keys


@given(st.lists(st.integers(1, 10**12 - 1), min_size=1, max_size=8, unique=True))
def test_the_newest_version_sorts_first(numbers: list[int]) -> None:
    """Keys of versions sort by number, from the newest down."""
    keys = [version_key("c", number) for number in sorted(numbers, reverse=True)]

    assert sorted(keys) == keys
