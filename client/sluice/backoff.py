"""Pauses between attempts of the same call, with full jitter and a deadline."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final

from sluice.errors import SluiceError

PAUSE_S_MIN: Final = 0.1
PAUSE_S_MAX: Final = 5.0


class Backoff:
    """Random pauses whose upper bound doubles with each failure, until an attempt succeeds.

    Full jitter: a pause is drawn evenly from zero to the bound, so that clients that fail at the
    same moment do not retry at the same moment (Brooker, "Exponential Backoff and Jitter", 2015).
    A delay requested by the server is added in full: jitter never shortens it.
    """

    def __init__(
        self,
        patience_s: float,
        *,
        uniform: Callable[[float, float], float] = random.uniform,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Give up `patience_s` seconds after the first failure since the last success."""
        self._patience_s = patience_s
        self._uniform, self._clock, self._sleep = uniform, clock, sleep
        self._bound_s = PAUSE_S_MIN
        self._deadline_s: float | None = None

    def reset(self) -> None:
        """Start over, after a success."""
        self._bound_s = PAUSE_S_MIN
        self._deadline_s = None

    def wait(self, error: SluiceError) -> None:
        """Pause after a failure, for at least `error.retry_after_s`, at most until the deadline.

        Raises the error if the deadline comes before the end of that delay.
        """
        now_s = self._clock()
        if self._deadline_s is None:
            self._deadline_s = now_s + self._patience_s
        remaining_s = self._deadline_s - now_s
        retry_after_s = error.retry_after_s or 0.0
        if retry_after_s >= remaining_s:
            self.reset()
            raise error
        pause_s = retry_after_s + self._uniform(0.0, self._bound_s)
        self._sleep(min(pause_s, remaining_s))
        self._bound_s = min(2 * self._bound_s, PAUSE_S_MAX)
