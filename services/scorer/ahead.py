"""Working on what comes next in a stream while what came before is not done yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


async def in_order(
    items: AsyncIterator[_Item],
    work: Callable[[_Item], Awaitable[_Result]],
    *,
    count_max: int,
    size_max: int,
    size_of: Callable[[_Item], int],
) -> AsyncGenerator[_Result]:
    """What the work on each item gives, in their order; it begins as soon as an item is there.

    No further item is read while results of `count_max` have not been taken, or of items that sum
    up to `size_max`. What `items` or `work` raises is raised once all results before are taken.
    """
    working: asyncio.Queue[tuple[asyncio.Future[_Result], int] | None] = asyncio.Queue()
    count, size = 0, 0
    taken = asyncio.Event()

    async def read() -> None:
        nonlocal count, size
        try:
            async for item in items:
                its_size = size_of(item)
                count, size = count + 1, size + its_size
                working.put_nowait((asyncio.ensure_future(work(item)), its_size))
                while count and (count >= count_max or size >= size_max):
                    taken.clear()
                    await taken.wait()
        finally:
            working.put_nowait(None)
            if isinstance(items, AsyncGenerator):
                await items.aclose()

    reading = asyncio.create_task(read())
    try:
        while (found := await working.get()) is not None:
            result, its_size = found
            yield await result
            count, size = count - 1, size - its_size
            taken.set()
        await reading
    finally:
        reading.cancel()
        await asyncio.wait({reading})
        while not working.empty():
            if found := working.get_nowait():
                found[0].cancel()
                await asyncio.wait({found[0]})
