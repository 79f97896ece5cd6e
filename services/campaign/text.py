"""Checks of the short texts that people give."""

from __future__ import annotations

from sluice.errors import InvalidArgument
from sluice.limits import ID_BYTES_MAX


def check_text(value: str, field: str, *, needed: bool = False) -> None:
    """Refuse, naming `field`, a text of more than 256 bytes, or an empty one that is needed."""
    size = len(value.encode())
    if size > ID_BYTES_MAX or (needed and not size):
        least = 1 if needed else 0
        raise InvalidArgument.of(field, f"{size} bytes; {least} to {ID_BYTES_MAX} are accepted")
