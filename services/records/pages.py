"""Pages of a listing: how many a caller may ask for, and the token that goes on."""

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


class _Token(msgspec.Struct, array_like=True, frozen=True):
    """What a page token holds: of which listing it is, and the position it goes on after."""

    listing: bytes
    after: str


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Token)


@dataclass(frozen=True, slots=True)
class Page:
    """What to list: at most `size` items after the position `after` ("": from the start)."""

    size: int
    after: str
    listing: bytes

    def token(self, after: str) -> str:
        """The token of the page after that position of the same listing."""
        raw = _encoder.encode(_Token(self.listing, after))
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def cut(
        self, items: Sequence[_Item], position: Callable[[_Item], str]
    ) -> tuple[Sequence[_Item], str]:
        """The page, and the token of the next, "" on the last one.

        `items` are up to `size + 1` items read after `after`: one more says that there is more.
        """
        if len(items) <= self.size:
            return items, ""
        page = items[: self.size]
        return page, self.token(position(page[-1]))


def read_page(page_size: int, page_token: str, *listing: str) -> Page:
    """The page that a request asks for.

    `listing` is all that decides what is listed and in which order: method, parent, filters. A
    token works only for the listing that it came from.

    Raises errors.InvalidArgument naming `page_size` or `page_token`.
    """
    if not 0 <= page_size <= PAGE_SIZE_MAX:
        raise InvalidArgument.of(
            "page_size",
            f"{page_size} is not in 1…{PAGE_SIZE_MAX:,}, nor 0 for {PAGE_SIZE_DEFAULT}",
        )
    digest = sha256(_encoder.encode(listing)).digest()[:16]
    return Page(page_size or PAGE_SIZE_DEFAULT, _position(page_token, digest), digest)


def _position(page_token: str, listing: bytes) -> str:
    if not page_token:
        return ""
    try:
        padding = "=" * (-len(page_token) % 4)
        token = _decoder.decode(base64.b64decode(page_token + padding, b"-_", validate=True))
    except (binascii.Error, ValueError, msgspec.DecodeError) as cause:
        raise InvalidArgument.of(
            "page_token", "is no token; expected next_page_token of the page before"
        ) from cause
    if token.listing != listing:
        raise InvalidArgument.of(
            "page_token", "is of another listing; parent, order and filters must stay the same"
        )
    return token.after
