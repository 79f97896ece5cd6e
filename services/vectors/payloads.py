"""Storage of payloads: one JSON text per point, beside the tenant.

Qdrant accepts payloads as they are, but returns one in ten float64 with another last bit, so that
the digests of written and read payloads would differ. A field that Qdrant shall filter by must
be stored beside the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec

from services.vectors.interface import Payload
from sluice.errors import InvalidArgument

TENANT_KEY: Final = "tenant"
TEXT_KEY: Final = "payload"


def encode_payloads(payloads: Sequence[Payload]) -> list[str]:
    """The JSON text of each payload, `points.payloads` of a write.

    Raises InvalidArgument naming the row when a payload would be read back differently: it may
    hold str, bool, None, finite float and int, and lists and dictionaries of these with str keys.
    """
    return [
        _encode_payload(payload, f"points.payloads[{row}]") for row, payload in enumerate(payloads)
    ]


def decode_payload(stored: dict[str, Any]) -> Payload:
    """The payload from the fields that the engine stores of a point."""
    return cast(Payload, msgspec.json.decode(stored[TEXT_KEY]))


def _encode_payload(payload: Payload, field: str) -> str:
    try:
        text = msgspec.json.encode(payload)
        unchanged = msgspec.json.decode(text) == payload
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
        unchanged = False
    if not unchanged:
        raise InvalidArgument.of(
            field, "not plain JSON, expected str, bool, None, int, finite float, list and dict"
        )
    return text.decode()
