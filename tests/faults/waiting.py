"""Waiting for conditions, with a limit for the slowest machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from sluice import errors

WAIT_S_MAX: Final = 120


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until the condition is true."""
    deadline = time.monotonic() + WAIT_S_MAX
    while not condition():
        assert time.monotonic() < deadline, f"not true after {WAIT_S_MAX} s"
        time.sleep(0.02)


def insist(action: Callable[[], object]) -> None:
    """Repeat an action until it is no longer Unavailable."""

    def done() -> bool:
        try:
            action()
        except errors.Unavailable:
            return False
        return True

    wait_until(done)
