"""Pages of a listing: page sizes, and tokens of the next page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, TypeVar

import msgspec

from sluice.errors import InvalidArgument

PAGE_SIZE_DEFAULT: Final = 100
PAGE_SIZE_MAX: Final = 1_000

_Item = TypeVar("_Item")


class _PageToken(msgspec.Struct, array_like=True, frozen=True):
    """The content of a page token: the digest of its listing, and the last position read."""

    listing: bytes
    after: str


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_PageToken)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a listing: at most `size` items after the position `after` ("": from the start)."""

    size: int
    after: str
    listing: bytes

    def token(self, after: str) -> str:
        """The token for the page of the same listing that follows a position."""
        raw = _encoder.encode(_PageToken(self.listing, after))
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def cut(
        self, items: Sequence[_Item], position: Callable[[_Item], str]
    ) -> tuple[Sequence[_Item], str]:
        """The items of the page, and the token of the next page, "" on the last one.

        `items` are up to `size + 1` items read after `after`: the extra one shows that a next page
        exists.
        """
        if len(items) <= self.size:
            return items, ""
        page = items[: self.size]
        return page, self.token(position(page[-1]))


def read_page(page_size: int, page_token: str, *listing: str) -> Page:
    """The page of a list request.

    `listing` identifies the list and its order: method, parent, filters. A token is valid only for
    the listing that it came from.

    Raises errors.InvalidArgument naming `page_size` or `page_token`.
    """
    if not 0 <= page_size <= PAGE_SIZE_MAX:
        raise InvalidArgument.of(
            "page_size",
            f"{page_size}, expected 1 to {PAGE_SIZE_MAX:,}, or 0 for {PAGE_SIZE_DEFAULT}",
        )
    digest = sha256(_encoder.encode(listing)).digest()[:16]
    return Page(page_size or PAGE_SIZE_DEFAULT, _parse_position(page_token, digest), digest)


def _parse_position(page_token: str, listing: bytes) -> str:
    if not page_token:
        return ""
    try:
        padding = "=" * (-len(page_token) % 4)
        token = _decoder.decode(base64.b64decode(page_token + padding, b"-_", validate=True))
    except (binascii.Error, ValueError, msgspec.DecodeError) as cause:
        raise InvalidArgument.of(
            "page_token", "malformed, expected next_page_token of the previous page"
        ) from cause
    if token.listing != listing:
        raise InvalidArgument.of(
            "page_token", "belongs to another listing; keep parent, order and filters unchanged"
        )
    return token.after
