"""Taking from a stream what has arrived, instead of one message at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TypeVar

_Item = TypeVar("_Item")


async def in_groups(
    items: AsyncIterator[_Item],
    *,
    count_max: int,
    size_max: int,
    size_of: Callable[[_Item], int],
) -> AsyncGenerator[list[_Item]]:
    """The same items in their order, each time all that came while the last ones were worked on.

    No more is read ahead than `count_max` items, and none once they sum up to `size_max`. What
    `items` raises is raised once all that came before has been taken.
    """
    arrived: deque[_Item] = deque()
    changed, taken = asyncio.Event(), asyncio.Event()

    async def read() -> None:
        size = 0
        try:
            async for item in items:
                size = size_of(item) + (size if arrived else 0)
                arrived.append(item)
                changed.set()
                while len(arrived) >= count_max or (arrived and size >= size_max):
                    taken.clear()
                    await taken.wait()
        finally:
            if isinstance(items, AsyncGenerator):
                await items.aclose()

    reading = asyncio.create_task(read())
    reading.add_done_callback(lambda _: changed.set())
    try:
        while arrived or not reading.done():
            if not arrived:
                changed.clear()
                await changed.wait()
                continue
            group = list(arrived)
            arrived.clear()
            taken.set()
            yield group
        reading.result()
    finally:
        reading.cancel()
        await asyncio.wait({reading})
