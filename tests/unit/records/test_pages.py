"""Pages of a listing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.records.pages import read_page
from sluice.errors import InvalidArgument


@given(st.lists(st.integers(), unique=True), st.integers(1, 10))
def test_pages_join_to_the_whole(items: list[int], size: int) -> None:
    """Following the tokens gives every item once, in order, and no page over its size."""
    ordered = sorted(str(item) for item in items)
    seen: list[str] = []
    token = ""
    while True:
        page = read_page(size, token, "List", "projects/p")
        rest = [item for item in ordered if item > page.after][: size + 1]
        part, token = page.cut(rest, str)
        assert len(part) <= size
        seen += part
        if not token:
            break

    assert ordered == seen


def test_a_listing_without_a_size_has_a_hundred() -> None:
    """Page size 0 means the default."""
    assert 100 == read_page(0, "", "List").size


@pytest.mark.parametrize("size", [-1, 1_001, 2**31 - 1])
def test_a_page_has_a_limit(size: int) -> None:
    """A page size out of bounds is refused with its value."""
    with pytest.raises(InvalidArgument, match=f"page_size: {size}"):
        read_page(size, "", "List")


@pytest.mark.parametrize("other", [("List", "q"), ("Lis", "tp"), ("List", "p", ""), ("List",)])
def test_a_token_is_of_one_listing(other: tuple[str, ...]) -> None:
    """A token of another method, parent or filter is refused."""
    token = read_page(10, "", "List", "p").token("position")

    assert "position" == read_page(10, token, "List", "p").after
    with pytest.raises(InvalidArgument, match="page_token"):
        read_page(10, token, *other)


@given(st.text(max_size=80))
def test_a_malformed_token_is_rejected(text: str) -> None:
    """Any text that is not from a listing is rejected as a token."""
    if text:
        with pytest.raises(InvalidArgument, match="page_token"):
            read_page(10, text, "List", "p")
