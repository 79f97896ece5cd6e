"""How a point's payload is stored: as one JSON text, beside the tenant.

Qdrant would take the payload as it is, but reads one in ten float64 back with another last bit;
then a digest over what was written and what was read would differ. A field that Qdrant shall
filter by one day is to be stored beside the text.
"""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec

from services.vectors.interface import Payload
from sluice.errors import InvalidArgument

TENANT_KEY: Final = "tenant"
TEXT_KEY: Final = "payload"


def encode_payload(payload: Payload, field: str) -> str:
    """The payload as JSON text.

    Raises InvalidArgument naming the field when it would not come back as it is: it may hold str,
    bool, None, finite float and int, and lists and dictionaries of these with str keys.
    """
    try:
        text = msgspec.json.encode(payload)
        comes_back = msgspec.json.decode(text) == payload
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
        comes_back = False
    if not comes_back:
        raise InvalidArgument.of(field, "not plain JSON; it would not come back as it is")
    return text.decode()


def decode_payload(stored: dict[str, Any]) -> Payload:
    """The payload that `encode_payload` was given, from what the engine keeps of the point."""
    return cast(Payload, msgspec.json.decode(stored[TEXT_KEY]))
