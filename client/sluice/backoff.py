"""Pauses between attempts at the same thing."""

from __future__ import annotations

import time
from typing import Final

from sluice.errors import SluiceError

PAUSE_S_MIN: Final = 0.1
PAUSE_S_MAX: Final = 5.0


class Backoff:
    """Pauses that double from one attempt to the next, up to a bound, until something succeeds."""

    def __init__(self, patience_s: float) -> None:
        """Give up `patience_s` seconds after the first failure since the last success."""
        self._patience_s = patience_s
        self._pause_s = PAUSE_S_MIN
        self._deadline: float | None = None

    def reset(self) -> None:
        """Say that something has succeeded."""
        self._pause_s = PAUSE_S_MIN
        self._deadline = None

    def wait(self, error: SluiceError) -> None:
        """Pause after a failure, at least as long as the error asks for; raise it when too late."""
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._patience_s
        pause_s = max(self._pause_s, error.retry_after_s or 0)
        if now + pause_s > self._deadline:
            self.reset()
            raise error
        time.sleep(pause_s)
        self._pause_s = min(2 * self._pause_s, PAUSE_S_MAX)
