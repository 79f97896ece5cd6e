"""A cache of immutable values, bounded by memory."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from cachetools import LRUCache

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class SizedItem(Generic[_Value]):
    """A value and its size in memory, bytes."""

    value: _Value
    size_bytes: int


_Load: TypeAlias = Callable[[], Coroutine[Any, Any, SizedItem[_Value]]]


class Cache:
    """A least-recently-used cache up to a number of bytes; concurrent misses share one load.

    The last value used is always kept, even one larger than the bound: it is in use anyway.
    """

    def __init__(self, bytes_max: int) -> None:
        # A value over the bound counts as the bound, and so evicts all others.
        bound = max(bytes_max, 1)
        self._items: LRUCache[Hashable, SizedItem[Any]] = LRUCache(
            bound, getsizeof=lambda item: min(item.size_bytes, bound)
        )
        self._loads: dict[Hashable, asyncio.Task[SizedItem[Any]]] = {}

    async def get(self, key: Hashable, load: _Load[_Value]) -> _Value:
        """The value of a key, loaded on a miss. A key always belongs to the same type.

        Raises what `load` raises; a failure is not cached.
        """
        item: SizedItem[_Value] | None = self._items.get(key)
        if item is None:
            item = await self._load(key, load)
        return item.value

    async def _load(self, key: Hashable, load: _Load[_Value]) -> SizedItem[_Value]:
        task = self._loads.get(key)
        if task is None:
            # A task in a context of its own: the first caller may be cancelled, others wait too.
            task = asyncio.create_task(self._store(key, load), context=contextvars.Context())
            self._loads[key] = task
            task.add_done_callback(lambda done: self._forget_load(key, done))
        return await asyncio.shield(task)

    async def _store(self, key: Hashable, load: _Load[_Value]) -> SizedItem[_Value]:
        item = self._items[key] = await load()
        return item

    def _forget_load(self, key: Hashable, task: asyncio.Task[SizedItem[Any]]) -> None:
        del self._loads[key]
        if not task.cancelled():
            task.exception()  # retrieved, also when no caller waits any more
