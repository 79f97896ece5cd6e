"""Retries of calls to the Redis server: jittered exponential backoff with a deadline."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from typing import Final

import stamina
from stamina.instrumentation import set_on_retry_hooks

PAUSE_S: Final = 0.05
"""The first pause, without jitter; each later one is twice as long."""

PAUSE_MAX_S: Final = 1.0
JITTER_S: Final = 0.2
"""Random extra pause, so that a fleet that lost the server together does not return in step."""

# By default stamina logs and counts each retry; callers here log retries themselves, with ids.
set_on_retry_hooks([])


def retry_until(
    timeout_s: float, on: type[Exception] | Callable[[Exception], bool]
) -> AsyncIterable[stamina.Attempt]:
    """Attempts until one succeeds, fails with another error than `on`, or the time is over.

    The last error is then raised. No pause begins after `timeout_s`, so the last attempt begins at
    most one pause later; with 0 there is a single attempt.
    """
    return stamina.retry_context(
        on=on,
        attempts=None if timeout_s else 1,
        timeout=timeout_s or None,
        wait_initial=PAUSE_S,
        wait_max=PAUSE_MAX_S,
        wait_jitter=JITTER_S,
    )
