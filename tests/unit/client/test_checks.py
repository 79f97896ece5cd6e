"""Lists of texts are checked, so that a single text is never taken letter by letter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from sluice.checks import check_text, read_texts
from sluice.errors import InvalidArgument


def test_any_iterable_of_texts_is_read() -> None:
    """Lists, tuples, sets, generators and arrays of texts are accepted, also empty ones."""
    for values in (
        ["a", "b"],
        ("a", "b"),
        (x for x in "ab"),
        np.array(["a", "b"]),
        {"a": 1, "b": 2}.keys(),
    ):
        assert ["a", "b"] == read_texts("frame_ids", values)
    assert [] == read_texts("frame_ids", [])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("abc", "frame_ids: 'abc' is one text; expected a list: ['abc']"),
        (b"abc", "frame_ids: b'abc' is one text; expected a list: [b'abc']"),
        (None, "frame_ids: None is of type NoneType; expected a list of texts"),
        (7, "frame_ids: 7 is of type int; expected a list of texts"),
        ({"a": 1}, "frame_ids: {'a': 1} is of type dict; expected a list of texts"),
        (["a", 7], "frame_ids[1]: 7 is of type int; expected a text, such as '7'"),
    ],
)
def test_other_values_are_named(values: Any, message: str) -> None:
    """A single text, a value that is not iterable, and an item of another type are errors."""
    with pytest.raises(InvalidArgument) as raised:
        read_texts("frame_ids", values)
    assert message == raised.value.message


def test_an_error_of_the_iterable_is_raised_as_it_is() -> None:
    """The error of a caller's generator is not turned into another one."""

    def ids() -> Iterator[str]:
        yield "a"
        raise TypeError("mine")

    with pytest.raises(TypeError, match=r"^mine$"):
        read_texts("frame_ids", ids())


def test_a_text_of_another_type_is_named() -> None:
    """An id that is a number is an error that shows the text."""
    with pytest.raises(InvalidArgument, match="7 is of type int; expected a text, such as '7'"):
        check_text("frame.id", 7)  # type: ignore[arg-type]
