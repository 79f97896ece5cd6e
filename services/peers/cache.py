"""A cache of what is immutable, within a bound of memory."""

from __future__ import annotations

import asyncio
import contextvars
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class SizedItem(Generic[_Value]):
    """A value and the memory that it takes, bytes."""

    value: _Value
    size_bytes: int


class Cache:
    """What was used last, up to so many bytes; what is asked for by many at once is loaded once.

    The value used last is always kept, even if it is larger than that: it is in use anyway.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[Hashable, SizedItem[Any]] = OrderedDict()
        self._loading: dict[Hashable, asyncio.Task[SizedItem[Any]]] = {}

    async def get(
        self, key: Hashable, load: Callable[[], Coroutine[Any, Any, SizedItem[_Value]]]
    ) -> _Value:
        """The value under that key, loaded if it is not kept; a key says which type it is of.

        Raises what `load` raises; a failure is not kept.
        """
        kept: SizedItem[_Value] | None = self._kept.get(key)
        if kept is None:
            kept = await self._load(key, load)
        else:
            self._kept.move_to_end(key)
        return kept.value

    async def _load(
        self, key: Hashable, load: Callable[[], Coroutine[Any, Any, SizedItem[_Value]]]
    ) -> SizedItem[_Value]:
        loading = self._loading.get(key)
        if loading is None:
            # A task of its own, in a context of its own: who asked first may go away.
            loading = asyncio.create_task(self._keep(key, load), context=contextvars.Context())
            self._loading[key] = loading
            loading.add_done_callback(lambda done: self._loaded(key, done))
        return await asyncio.shield(loading)

    def _loaded(self, key: Hashable, loading: asyncio.Task[SizedItem[Any]]) -> None:
        del self._loading[key]
        if not loading.cancelled():
            loading.exception()  # seen, also when nobody waits any more

    async def _keep(
        self, key: Hashable, load: Callable[[], Coroutine[Any, Any, SizedItem[_Value]]]
    ) -> SizedItem[_Value]:
        loaded = await load()
        self._kept[key] = loaded
        self._bytes += loaded.size_bytes
        while self._bytes > self._bytes_max and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].size_bytes
        return loaded
