"""Items are processed ahead, within bounds, and their results keep the items' order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from services.scorer.read_ahead import map_in_order


class Workbench:
    """Items from 0 on, each in progress until the test finishes it; records what was started."""

    def __init__(self, count: int = 10, error: Exception | None = None) -> None:
        self.started: list[int] = []
        self.cancelled: list[int] = []
        self.closed = False
        self._count, self._error = count, error
        self._finished: dict[int, asyncio.Event] = {}

    def finish(self, item: int) -> None:
        """Let the work on an item finish."""
        self._finished.setdefault(item, asyncio.Event()).set()

    async def process(self, item: int) -> str:
        """Work on an item until the test finishes it."""
        self.started.append(item)
        try:
            await self._finished.setdefault(item, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.cancelled.append(item)
            raise
        return f"result {item}"

    def results(self, *, count_max: int = 3, size_max: int = 100) -> AsyncGenerator[str]:
        """The results; the size of item n is n + 1."""
        return map_in_order(
            self._items(),
            self.process,
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
    """Let every task run until it waits."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_results_keep_the_order_of_their_items() -> None:
    """A result that is ready early waits for the results before it."""
    workbench = Workbench(count=3)
    results = workbench.results()
    first = asyncio.ensure_future(anext(results))
    await settle()
    workbench.finish(2)
    workbench.finish(1)
    await settle()
    assert not first.done()

    workbench.finish(0)
    assert "result 0" == await first
    assert ["result 1", "result 2"] == [result async for result in results]
    assert workbench.closed


@pytest.mark.parametrize(("count_max", "size_max", "started"), [(3, 100, 3), (9, 6, 3), (1, 1, 1)])
async def test_reading_pauses_at_the_bounds(count_max: int, size_max: int, started: int) -> None:
    """Items are read up to a number, or a total size, until the first result is consumed."""
    workbench = Workbench()
    results = workbench.results(count_max=count_max, size_max=size_max)
    first = asyncio.ensure_future(anext(results))
    await settle()
    assert list(range(started)) == workbench.started

    workbench.finish(0)
    await first
    await settle()
    assert started == len(workbench.started)  # a result counts until the next one is requested
    second = asyncio.ensure_future(anext(results))
    await settle()
    assert started < len(workbench.started)
    second.cancel()
    await asyncio.wait({second})


async def test_an_error_comes_after_the_results_before_it() -> None:
    """The stream's error is raised after the results of all items that were read."""
    workbench = Workbench(count=2, error=ValueError("the stream"))
    workbench.finish(0)
    workbench.finish(1)
    results = workbench.results()
    assert ["result 0", "result 1"] == [await anext(results), await anext(results)]
    with pytest.raises(ValueError, match="the stream"):
        await anext(results)


@pytest.mark.parametrize("is_waiting", [True, False], ids=["waiting", "between two"])
async def test_closing_cancels_the_rest(is_waiting: bool) -> None:
    """All work in progress is cancelled, and the stream is closed."""
    workbench = Workbench()
    results = workbench.results()
    workbench.finish(0)
    assert "result 0" == await anext(results)
    if is_waiting:
        waiting = asyncio.ensure_future(anext(results))
        await settle()
        waiting.cancel()
        await asyncio.wait({waiting})
    await asyncio.wait_for(results.aclose(), 10)
    assert workbench.started[1:] == workbench.cancelled
    assert workbench.cancelled
    assert workbench.closed
