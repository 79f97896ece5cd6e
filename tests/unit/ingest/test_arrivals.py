"""What has arrived is taken at once, and not much is read ahead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.ingest.arrivals import group_arrivals


class Source:
    """A stream of numbers; knows how many were read, and whether it was closed."""

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


def groups_of(source: Source, *, count_max: int = 100, size_max: int = 100) -> Any:
    """Its groups; the size of a number is the number."""
    return group_arrivals(
        source.items(), count_max=count_max, size_max=size_max, size_of=lambda item: item
    )


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_nothing_is_lost_and_the_order_is_kept() -> None:
    """All groups together are the items."""
    source = Source(1_000)
    found = [item async for group in groups_of(source, count_max=7) for item in group]
    assert list(range(1_000)) == found
    assert source.closed


async def test_what_came_meanwhile_is_one_group() -> None:
    """While a group is worked on the next one grows, to the most that is allowed."""
    groups = groups_of(Source(20), count_max=5)
    sizes = []
    async for group in groups:
        sizes.append(len(group))
        await settle()
    assert 5 == max(sizes)
    assert 20 == sum(sizes)


async def test_little_is_read_ahead() -> None:
    """Items that sum up to the bound are the last ones read until they are taken."""
    source = Source(50)
    groups = groups_of(source, size_max=10)
    await anext(groups)
    await settle()
    assert source.read <= 7  # of 0 to 6 those after the first sum up to 10 or more
    await groups.aclose()
    assert source.closed


async def test_an_error_comes_after_what_was_before_it() -> None:
    """What had arrived is handed on before the stream's error is raised."""
    groups = groups_of(Source(3, ValueError("cut off")))
    found: list[int] = []

    async def take_all() -> None:
        async for group in groups:
            found.extend(group)
            await settle()

    with pytest.raises(ValueError, match="cut off"):
        await take_all()
    assert [0, 1, 2] == found


async def test_a_stream_that_is_left_is_closed() -> None:
    """Whoever takes no more ends the reading too."""
    source = Source(1_000_000)
    groups = groups_of(source, count_max=2)
    await anext(groups)
    await groups.aclose()
    assert source.closed
    assert source.read < 10
