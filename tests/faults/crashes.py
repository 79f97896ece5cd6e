"""Stores that crash: after a given number of writes, every call fails."""

from __future__ import annotations

from typing import Any, Final

from services.records.stores import Stores

WRITES: Final = frozenset(
    {"commit", "write", "delete", "delete_tenant", "put", "delete_before", "drop"}
)
"""The methods of the three stores that write."""


class CrashError(Exception):
    """The process has died, as far as its callers can tell."""


class CrashCountdown:
    """Counts writes down; the last one is made or not, and afterwards nothing is."""

    def __init__(self) -> None:
        self.writes_left: int | None = None
        self.last_is_made = False

    def start(self, writes: int, *, last_is_made: bool) -> None:
        """Crash at this write, before or after it is made."""
        self.writes_left, self.last_is_made = writes, last_is_made

    def stop(self) -> None:
        """Start the process again."""
        self.writes_left = None

    def wrap(self, stores: Stores) -> Stores:
        """The stores, which crash."""
        return Stores(
            _CrashingStore(stores.ledger, self),
            _CrashingStore(stores.vectors, self),
            _CrashingStore(stores.blobs, self),
        )


class _CrashingStore:
    def __init__(self, store: Any, countdown: CrashCountdown) -> None:
        self._store = store
        self._countdown = countdown

    def __getattr__(self, name: str) -> Any:
        real, countdown = getattr(self._store, name), self._countdown

        async def call(*args: Any, **kwargs: Any) -> Any:
            left = countdown.writes_left
            if left is not None and left <= 0:
                raise CrashError(name)
            if left is None or name not in WRITES:
                return await real(*args, **kwargs)
            countdown.writes_left = left - 1
            if left > 1:
                return await real(*args, **kwargs)
            if countdown.last_is_made:
                await real(*args, **kwargs)
            raise CrashError(name)

        return call
