"""What comes next is worked on ahead, within bounds, and its results keep their order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from services.scorer.ahead import in_order


class Desk:
    """Items from 0 on, and work on them that ends when it is told; knows what was begun."""

    def __init__(self, count: int = 10, error: Exception | None = None) -> None:
        self.begun: list[int] = []
        self.cancelled: list[int] = []
        self.closed = False
        self._count, self._error = count, error
        self._ends: dict[int, asyncio.Event] = {}

    def end(self, item: int) -> None:
        """Let the work on an item end."""
        self._ends.setdefault(item, asyncio.Event()).set()

    async def work(self, item: int) -> str:
        """Work until told that it is done."""
        self.begun.append(item)
        try:
            await self._ends.setdefault(item, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.cancelled.append(item)
            raise
        return f"result {item}"

    def results(self, *, count_max: int = 3, size_max: int = 100) -> AsyncGenerator[str]:
        """The results; the size of item n is n + 1."""
        return in_order(
            self._items(),
            self.work,
            count_max=count_max,
            size_max=size_max,
            size_of=lambda item: item + 1,
        )

    async def _items(self) -> AsyncIterator[int]:
        try:
            for item in range(self._count):
                yield item
            if self._error:
                raise self._error
        finally:
            self.closed = True


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_results_keep_the_order_of_their_items() -> None:
    """Work that ends first waits for the results before it."""
    desk = Desk(count=3)
    results = desk.results()
    first = asyncio.ensure_future(anext(results))
    await settle()
    desk.end(2)
    desk.end(1)
    await settle()
    assert not first.done()

    desk.end(0)
    assert "result 0" == await first
    assert ["result 1", "result 2"] == [result async for result in results]
    assert desk.closed


@pytest.mark.parametrize(("count_max", "size_max", "begun"), [(3, 100, 3), (9, 6, 3), (1, 1, 1)])
async def test_no_more_is_read_than_may_be_under_way(
    count_max: int, size_max: int, begun: int
) -> None:
    """Work begins on what comes next, up to a number of items or a sum of sizes; then it waits."""
    desk = Desk()
    results = desk.results(count_max=count_max, size_max=size_max)
    first = asyncio.ensure_future(anext(results))
    await settle()
    assert list(range(begun)) == desk.begun

    desk.end(0)
    await first
    await settle()
    assert begun == len(desk.begun)  # the first is not taken before the next is asked for
    second = asyncio.ensure_future(anext(results))
    await settle()
    assert begun < len(desk.begun)
    second.cancel()
    await asyncio.wait({second})


async def test_an_error_comes_after_the_results_before_it() -> None:
    """What the stream ends with is raised once all that was read has its result."""
    desk = Desk(count=2, error=ValueError("the stream"))
    desk.end(0)
    desk.end(1)
    results = desk.results()
    assert ["result 0", "result 1"] == [await anext(results), await anext(results)]
    with pytest.raises(ValueError, match="the stream"):
        await anext(results)


@pytest.mark.parametrize("waits", [True, False], ids=["waiting", "between two"])
async def test_who_goes_away_leaves_nothing_behind(waits: bool) -> None:
    """All work under way is cancelled, and the stream is closed."""
    desk = Desk()
    results = desk.results()
    desk.end(0)
    assert "result 0" == await anext(results)
    if waits:
        waiting = asyncio.ensure_future(anext(results))
        await settle()
        waiting.cancel()
        await asyncio.wait({waiting})
    await asyncio.wait_for(results.aclose(), 10)
    assert desk.begun[1:] == desk.cancelled
    assert desk.cancelled
    assert desk.closed
