"""Checks of the short texts that people give."""

from __future__ import annotations

from typing import Final

from sluice.errors import InvalidArgument

DISPLAY_NAME_BYTES_MAX: Final = 256


def check_text(value: str, field: str, *, needed: bool = False) -> str:
    """The value, if it has at most 256 bytes, and at least one where it is needed.

    Raises InvalidArgument naming `field`.
    """
    size = len(value.encode())
    if size > DISPLAY_NAME_BYTES_MAX or (needed and not size):
        least = 1 if needed else 0
        raise InvalidArgument.of(
            field, f"{size} bytes; {least} to {DISPLAY_NAME_BYTES_MAX} are accepted"
        )
    return value
