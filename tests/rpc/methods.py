"""The methods of the API by the fields of their requests."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass

from services.server.access import ACCESS_RULES


def methods_with(field: str) -> dict[str, Any]:
    """The request class of each method whose requests have that field, by its full name."""
    kinds = {}
    for name in ACCESS_RULES:
        service, method = name.removeprefix("/").split("/")
        kind = Default().FindServiceByName(service).FindMethodByName(method).input_type
        if field in kind.fields_by_name:
            kinds[name] = GetMessageClass(kind)
    return kinds
