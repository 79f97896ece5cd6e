"""The cache: bounded, loading once."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from services.peers.cache import Cache, SizedItem


class Loads:
    """Loads of values that are their keys, all of one size; a load waits while it is held."""

    def __init__(self, size_bytes: int = 1) -> None:
        self.made: list[str] = []
        self.go = asyncio.Event()
        self.go.set()
        self._size_bytes = size_bytes

    async def get(self, cache: Cache, key: str) -> str:
        """Ask the cache."""

        async def load() -> SizedItem[str]:
            self.made.append(key)
            await self.go.wait()
            return SizedItem(key, self._size_bytes)

        return await cache.get(key, load)


async def test_what_was_used_last_is_kept() -> None:
    """Over the bound, the value that was used longest ago makes room, and is loaded anew."""
    cache, loads = Cache(2), Loads()
    for key in "ab" + "a" + "c" + "a" + "b":
        assert key == await loads.get(cache, key)

    assert [*"abcb"] == loads.made


async def test_the_bound_is_of_bytes() -> None:
    """A value over the bound is used, and kept until the next one comes."""
    cache, loads = Cache(10), Loads(size_bytes=11)
    for key in "aaba":
        assert key == await loads.get(cache, key)

    assert [*"aba"] == loads.made


async def test_many_who_ask_at_once_share_one_load() -> None:
    """A value that is asked for while it is loaded is not loaded again."""
    cache, loads = Cache(10), Loads()

    assert ["a"] * 20 == await asyncio.gather(*(loads.get(cache, "a") for _ in range(20)))
    assert ["a"] == loads.made


async def test_who_goes_away_takes_nothing_from_others() -> None:
    """When the first who asked is cancelled, the others still get the value of the same load."""
    cache, loads = Cache(10), Loads()
    loads.go.clear()
    first, second = [asyncio.create_task(loads.get(cache, "a")) for _ in range(2)]
    await asyncio.sleep(0)
    first.cancel()
    loads.go.set()

    assert "a" == await second
    assert first.cancelled()
    assert ["a"] == loads.made


async def test_a_failure_is_not_kept() -> None:
    """All who asked hear of a failed load; the next one loads anew."""
    cache, loads = Cache(10), Loads()

    async def fail() -> SizedItem[str]:
        raise ValueError("not now")

    failed = await asyncio.gather(*(cache.get("a", fail) for _ in range(2)), return_exceptions=True)
    assert ["not now"] * 2 == [str(error) for error in failed]
    assert "a" == await loads.get(cache, "a")


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 9)), max_size=40))
async def test_the_bound_holds(uses: list[tuple[str, int]]) -> None:
    """However values are used, what is kept is within the bound, or is the last value alone."""
    cache = Cache(10)
    sizes: dict[str, int] = {}
    kept: list[str] = []
    for key, size in uses:
        loaded: list[str] = []

        async def load(size: int = size, loaded: list[str] = loaded) -> SizedItem[str]:
            loaded.append("")
            return SizedItem("", size)

        await cache.get(key, load)
        assert bool(loaded) == (key not in kept)
        sizes[key] = size if loaded else sizes[key]
        kept = [*(other for other in kept if other != key), key]
        while sum(sizes[other] for other in kept) > 10 and len(kept) > 1:
            kept.pop(0)
