"""Processing the next items of a stream while earlier ones are still in progress."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


async def map_in_order(
    items: AsyncIterator[_Item],
    process: Callable[[_Item], Awaitable[_Result]],
    *,
    count_max: int,
    size_max: int,
    size_of: Callable[[_Item], int],
) -> AsyncGenerator[_Result]:
    """Process items concurrently, each as soon as it is read; yield the results in item order.

    Reading pauses while `count_max` results, or results of items of total size `size_max`,
    wait to be consumed. An error of `items` or `process` is raised after all earlier results.
    """
    queue: asyncio.Queue[tuple[asyncio.Future[_Result], int] | None] = asyncio.Queue()
    count, size = 0, 0
    consumed = asyncio.Event()

    async def read() -> None:
        nonlocal count, size
        try:
            async for item in items:
                item_size = size_of(item)
                count, size = count + 1, size + item_size
                queue.put_nowait((asyncio.ensure_future(process(item)), item_size))
                while count and (count >= count_max or size >= size_max):
                    consumed.clear()
                    await consumed.wait()
        finally:
            queue.put_nowait(None)
            if isinstance(items, AsyncGenerator):
                await items.aclose()

    reader = asyncio.create_task(read())
    try:
        while (entry := await queue.get()) is not None:
            result, item_size = entry
            yield await result
            count, size = count - 1, size - item_size
            consumed.set()
        await reader
    finally:
        reader.cancel()
        await asyncio.wait({reader})
        while not queue.empty():
            if entry := queue.get_nowait():
                entry[0].cancel()
                await asyncio.wait({entry[0]})
