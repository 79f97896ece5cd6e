"""Ends open streams when the server stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final, TypeVar

from sluice.errors import Unavailable

RETRY_AFTER_S: Final = 1.0

_Item = TypeVar("_Item")


class Draining:
    """A signal, set once when the server begins to stop; streams end between two items."""

    def __init__(self) -> None:
        self._started = asyncio.Event()

    def start(self) -> None:
        """End all streams."""
        self._started.set()

    async def until(self, items: AsyncIterator[_Item]) -> AsyncGenerator[_Item]:
        """The same items, until the server stops; then errors.Unavailable.

        A handler that iterates its requests through this finishes those that it has read. A wait
        for the next item is cancelled, so `items` may be a generator that sleeps; it is closed at
        the end.
        """
        stop = asyncio.ensure_future(self._started.wait())
        iterator = aiter(items)
        try:
            while not self._started.is_set():
                item = asyncio.ensure_future(anext(iterator))
                try:
                    await asyncio.wait({stop, item}, return_when=asyncio.FIRST_COMPLETED)
                    if item.done():
                        yield item.result()
                except StopAsyncIteration:
                    return
                finally:
                    item.cancel()
                    await asyncio.wait([item])
            raise stopping_error()
        finally:
            stop.cancel()
            if isinstance(iterator, AsyncGenerator):
                await iterator.aclose()


def stopping_error() -> Unavailable:
    """The error that ends a stream; the client continues it on another server, or later."""
    return Unavailable("the server is stopping; connect again", retry_after_s=RETRY_AFTER_S)
