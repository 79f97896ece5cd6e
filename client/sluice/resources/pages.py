"""Reads all pages of a listing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from sluice.rpc_errors import translate

PAGE_SIZE: Final = 1_000


def list_items(call: Callable[[Any], Any], request: Any, field: str) -> Iterator[Any]:
    """All items of a listing; each page is requested when its first item is needed."""
    request.page_size = PAGE_SIZE
    while True:
        page = translate(call, request)
        yield from getattr(page, field)
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
