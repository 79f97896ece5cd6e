"""The counters and keys of curation's records."""

from __future__ import annotations

import pytest

from services.curation.records import Group, Split, Status, counters_of, number_key


@pytest.mark.parametrize(
    ("split", "counters"),
    [
        (Split.NONE, ["groups/d/selected"]),
        (Split.TRAIN, ["groups/d/selected", "split/d/train"]),
        (Split.TEST, ["groups/d/selected", "split/d/test", "held-out/d/selected"]),
    ],
)
def test_a_group_is_counted_by_status_split_and_held_out(split: Split, counters: list[str]) -> None:
    """Every group has a status counter; those of a split, and held-out ones, have more."""
    group = Group(id="g", frames=("f",), slices=("",), status=Status.SELECTED, split=split)

    assert counters == counters_of("d", group)


def test_number_keys_sort_by_number() -> None:
    """A scan of a dataset's numbers lists frames in the order in which they were appended."""
    keys = [number_key("d", number) for number in (1, 2, 9, 10, 11, 100, 99_999)]

    assert sorted(keys) == keys
