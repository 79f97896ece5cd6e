"""Streams that end when the server does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from services.server.draining import Draining
from sluice.errors import Unavailable


async def numbers(count: int) -> AsyncIterator[int]:
    """Some numbers."""
    for number in range(count):
        yield number


async def test_all_items_pass() -> None:
    """A stream that ends before the server does is left as it is."""
    assert [0, 1, 2] == [item async for item in Draining().until(numbers(3))]


async def test_a_stream_ends_between_items() -> None:
    """Once the server stops, no further item is taken, though there are more."""
    draining = Draining()
    items = draining.until(numbers(10))
    assert [0, 1] == [await anext(items), await anext(items)]

    draining.start()
    with pytest.raises(Unavailable, match="stopping"):
        await anext(items)


async def test_who_waits_for_an_item_is_woken() -> None:
    """A stream that waits ends at once, and what it waited on is cancelled and cleans up."""
    draining = Draining()
    waiting, ended = asyncio.Event(), asyncio.Event()

    async def never() -> AsyncIterator[int]:
        waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        yield 0

    async def read() -> list[int]:
        return [item async for item in draining.until(never())]

    reader = asyncio.create_task(read())
    await waiting.wait()
    draining.start()

    with pytest.raises(Unavailable):
        await asyncio.wait_for(reader, 10)
    await asyncio.wait_for(ended.wait(), 10)


async def test_errors_of_the_stream_pass() -> None:
    """An error of the items reaches the reader as it is."""

    async def failing() -> AsyncIterator[int]:
        yield 0
        raise ValueError("as it is")

    with pytest.raises(ValueError, match="as it is"):
        [item async for item in Draining().until(failing())]


async def test_closing_the_stream_closes_its_items() -> None:
    """Who stops reading early closes the generator that the items come from, at once."""
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    async with aclosing(Draining().until(endless())) as items:
        assert 0 == await anext(items)
        assert not closed.is_set()
    assert closed.is_set()
