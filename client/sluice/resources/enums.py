"""Short words for values of the API's enums: `selected` for ANNOTATION_STATUS_SELECTED."""

from __future__ import annotations

from typing import Any

from sluice.errors import InvalidArgument


def value_of(enum: Any, prefix: str, word: str, field: str) -> Any:
    """The value of a word; InvalidArgument for `field`, with the accepted words, if unknown."""
    values = {
        name.removeprefix(prefix).lower(): value
        for name, value in enum.items()
        if name != f"{prefix}UNSPECIFIED"
    }
    if word not in values:
        raise InvalidArgument.of(field, f"{word!r} is none of {', '.join(values)}")
    return values[word]


def word_of(enum: Any, prefix: str, value: int) -> str:
    """The word of a value; "" for the unspecified value."""
    word = str(enum.Name(value)).removeprefix(prefix).lower()
    return "" if word == "unspecified" else word
