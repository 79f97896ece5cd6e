"""Stores that fail, wait or are overtaken at a given call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sluice.errors import Unavailable


class InterceptedStore:
    """A store with one method replaced; the replacement gets the real method as first argument."""

    def __init__(self, store: Any, method: str, replacement: Callable[..., Awaitable[Any]]) -> None:
        self._store = store
        self._method = method
        self._replacement = replacement

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._store, name)
        if name != self._method:
            return real
        return lambda *args, **kwargs: self._replacement(real, *args, **kwargs)


def failing(store: Any, method: str, *, at: int = 1) -> Any:
    """The store, whose method fails at its `at`-th call."""
    calls = 0

    async def fail(real: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            raise Unavailable("the store failed, as the test wants")
        return await real(*args, **kwargs)

    return InterceptedStore(store, method, fail)


def overtaken(store: Any, method: str, meanwhile: Awaitable[Any]) -> Any:
    """The store; before the first call of the method, something else happens."""
    waiting = [meanwhile]

    async def wait(real: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        if waiting:
            await waiting.pop()
        return await real(*args, **kwargs)

    return InterceptedStore(store, method, wait)


class Gate:
    """Blocks tasks until it is opened."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def pass_through(self) -> None:
        """Set `reached`, and wait until the gate is opened."""
        self.reached.set()
        await self.opened.wait()
