"""Items that arrived are yielded as one group, and reading ahead is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.ingest.arrivals import group_arrivals


class NumberStream:
    """A stream of numbers; records how many were read, and whether it was closed."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.read, self.closed = 0, False
        self._count, self._error = count, error

    async def items(self) -> AsyncIterator[int]:
        """The numbers from 0 on."""
        try:
            for number in range(self._count):
                self.read += 1
                yield number
            if self._error:
                raise self._error
        finally:
            self.closed = True


def groups_of(source: NumberStream, *, count_max: int = 100, size_max: int = 100) -> Any:
    """The groups of a stream; the size of a number is the number."""
    return group_arrivals(
        source.items(), count_max=count_max, size_max=size_max, size_of=lambda item: item
    )


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_nothing_is_lost_and_the_order_is_kept() -> None:
    """The groups together are the items, in order."""
    source = NumberStream(1_000)
    items = [item async for group in groups_of(source, count_max=7) for item in group]
    assert list(range(1_000)) == items
    assert source.closed


async def test_items_that_arrive_meanwhile_are_one_group() -> None:
    """While a group is processed the next one grows, up to the limit."""
    groups = groups_of(NumberStream(20), count_max=5)
    sizes = []
    async for group in groups:
        sizes.append(len(group))
        await settle()
    assert 5 == max(sizes)
    assert 20 == sum(sizes)


async def test_reading_ahead_is_bounded() -> None:
    """Reading pauses once the sizes read ahead sum up to the limit."""
    source = NumberStream(50)
    groups = groups_of(source, size_max=10)
    await anext(groups)
    await settle()
    assert source.read <= 7  # the sizes 1 to 4 sum up to 10, after the first group
    await groups.aclose()
    assert source.closed


async def test_an_error_comes_after_the_items_before_it() -> None:
    """All items before the stream's error are yielded before it is raised."""
    groups = groups_of(NumberStream(3, ValueError("cut off")))
    items: list[int] = []

    async def take_all() -> None:
        async for group in groups:
            items.extend(group)
            await settle()

    with pytest.raises(ValueError, match="cut off"):
        await take_all()
    assert [0, 1, 2] == items


async def test_closing_the_groups_closes_the_stream() -> None:
    """A consumer that stops also stops the reading."""
    source = NumberStream(1_000_000)
    groups = groups_of(source, count_max=2)
    await anext(groups)
    await groups.aclose()
    assert source.closed
    assert source.read < 10
