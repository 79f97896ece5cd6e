"""Messages as JSON for scripts: numbers are numbers, enums are the words of the filters.

The schema is in docs/cli.md; tests/e2e/json_schema.py checks the output of every command with it.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from sluice.resources.filters import NO_SPLIT
from sluice.v1.dataset_frame_pb2 import Split
from sluice.v1.frame_pb2 import MetadataValue

_UNSPECIFIED = "UNSPECIFIED"
_SINGULAR = (str, bool, int, float, Message)


def as_json(message: Message) -> Any:
    """A message as an object with the field names of the proto, all fields included.

    Optional fields and messages that are unset are None; of a oneof only the field that is set is
    included. Metadata values are their values, times RFC 3339 text.
    """
    if isinstance(message, Timestamp):
        return message.ToJsonString()
    if isinstance(message, MetadataValue):
        kind = message.WhichOneof("kind")
        return _scalar_as_json(getattr(message, kind)) if kind else None
    fields: Iterable[Any] = message.DESCRIPTOR.fields
    return {field.name: _field(message, field) for field in fields if _is_shown(message, field)}


def print_json(value: object) -> None:
    """Print indented JSON on stdout."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def enum_word(enum: EnumDescriptor, number: int) -> str:
    """The word of a value, as filters have it; "" for the unspecified value."""
    if enum.full_name == Split.DESCRIPTOR.full_name and number == 0:
        return NO_SPLIT
    value = enum.values_by_number.get(number)
    if value is None:  # of a newer server
        return str(number)
    prefix = enum.values[0].name.removesuffix(_UNSPECIFIED)
    word = value.name.removeprefix(prefix)
    return "" if word == _UNSPECIFIED else word.lower()


def _is_shown(message: Message, field: FieldDescriptor) -> bool:
    """Whether a field is included: all but those of a oneof that are not set."""
    oneof = field.containing_oneof
    is_optional = oneof is None or len(oneof.fields) == 1
    return is_optional or message.HasField(field.name)


def _field(message: Message, field: FieldDescriptor) -> Any:
    value = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        entry = field.message_type.fields_by_name["value"]
        return {str(key): _value(entry, item) for key, item in value.items()}
    if not isinstance(value, _SINGULAR):
        return [_value(field, item) for item in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return _value(field, value)


def _value(field: FieldDescriptor, value: Any) -> Any:
    if field.enum_type is not None:
        return enum_word(field.enum_type, value)
    if isinstance(value, Message):
        return as_json(value)
    return _scalar_as_json(value)


def _scalar_as_json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
