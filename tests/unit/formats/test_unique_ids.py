"""Duplicate ids, wherever batches of ids are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sluice.formats.unique_ids import UniqueIds


@given(ids=st.lists(st.sampled_from("abcdefghij")), cuts=st.lists(st.integers(0, 30)))
def test_every_second_occurrence_is_suspected(ids: list[str], cuts: list[int]) -> None:
    """Of ids added in batches of any sizes, those that occurred before are returned, no others."""
    unique, ends = UniqueIds(), [*sorted(min(cut, len(ids)) for cut in cuts), len(ids)]
    suspects = []
    for start, end in zip([0, *ends], ends, strict=False):
        suspects += [start + index for index in unique.add(ids[start:end])]

    assert [i for i, id in enumerate(ids) if id in ids[:i]] == suspects


def test_ids_of_all_batches_are_known() -> None:
    """An id is found again among those of hundreds of batches, and no other one is."""
    unique = UniqueIds()
    for number in range(300):
        assert [] == unique.add([f"{number}-{row}" for row in range(10)])

    assert [0, 2] == unique.add(["7-3", "new", "299-9"])
