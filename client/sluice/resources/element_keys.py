"""Keys of elements: a frame's id, or a crop's as (frame id, label id)."""

from __future__ import annotations

from collections.abc import Iterable

from sluice.checks import check_text
from sluice.errors import InvalidArgument
from sluice.v1 import issue_pb2


def to_element_keys(keys: Iterable[str | tuple[str, str]]) -> list[issue_pb2.ElementKey]:
    """The keys as messages: a text is the key of a whole frame.

    Raises InvalidArgument for one text in place of a list, and for an item of another form. Errors
    of the iterable are raised as they are.
    """
    if isinstance(keys, str):
        raise InvalidArgument.of("keys", f"{keys!r} is one text; expected a list: [{keys!r}]")
    if not isinstance(keys, Iterable):
        raise InvalidArgument.of("keys", f"{keys!r} is of type {type(keys).__name__}; {_EXPECTED}")
    return [_to_message(index, key) for index, key in enumerate(keys)]


_EXPECTED = "expected a list of frame ids, or of pairs (frame id, label id)"


def _to_message(index: int, key: object) -> issue_pb2.ElementKey:
    match key:
        case str() as frame_id:
            label_id = ""
        case (str() as frame_id, str() as label_id):
            pass
        case _:
            raise InvalidArgument.of(f"keys[{index}]", f"{key!r}; {_EXPECTED}")
    check_text(f"keys[{index}]", frame_id)
    return issue_pb2.ElementKey(frame_id=frame_id, label_id=label_id)
