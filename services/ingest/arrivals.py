"""Grouping the messages of a stream that arrive while earlier ones are processed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TypeVar

_Item = TypeVar("_Item")


async def group_arrivals(
    items: AsyncIterator[_Item],
    *,
    count_max: int,
    size_max: int,
    size_of: Callable[[_Item], int],
) -> AsyncGenerator[list[_Item]]:
    """Yield the items in order, grouped: all that arrived while the last group was processed.

    Reading ahead pauses at `count_max` items, or once their sizes sum up to `size_max`. An error
    of `items` is raised after all items before it have been yielded.
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

    reader = asyncio.create_task(read())
    reader.add_done_callback(lambda _: changed.set())
    try:
        while arrived or not reader.done():
            if not arrived:
                changed.clear()
                await changed.wait()
                continue
            group = list(arrived)
            arrived.clear()
            taken.set()
            yield group
        reader.result()
    finally:
        reader.cancel()
        await asyncio.wait({reader})
