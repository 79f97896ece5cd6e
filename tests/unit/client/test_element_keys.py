"""Elements are named by a frame id, or by a frame id and a label id."""

from __future__ import annotations

from typing import Any

import pytest

from sluice.errors import InvalidArgument
from sluice.resources.element_keys import to_element_keys


def test_frames_and_crops_are_named() -> None:
    """A text names a whole frame, a pair one of its crops, a pair with "" the frame again."""
    keys = to_element_keys(["a", ("b", "van"), ["c", ""]])  # type: ignore[list-item]
    assert [("a", ""), ("b", "van"), ("c", "")] == [(key.frame_id, key.label_id) for key in keys]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("abc", r"keys: 'abc' is one text; expected a list: \['abc'\]"),
        (7, "keys: 7 is of type int; expected a list of frame ids"),
        (["a", 7], r"keys\[1\]: 7; expected a list of frame ids, or of pairs"),
        ([("a", "b", "c")], r"keys\[0\]: \('a', 'b', 'c'\); expected"),
        ([""], r"keys\[0\]: is empty"),
    ],
)
def test_other_keys_are_named(keys: Any, message: str) -> None:
    """A single text and an item of another form are errors that say what is expected."""
    with pytest.raises(InvalidArgument, match=message):
        to_element_keys(keys)
