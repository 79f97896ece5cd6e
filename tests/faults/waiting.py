"""Waiting for what must come, however slow the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from sluice import errors

WAIT_S_MAX: Final = 120


def wait_until(what: Callable[[], object]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + WAIT_S_MAX
    while not what():
        assert time.monotonic() < deadline, "it has not come"
        time.sleep(0.02)


def insist(action: Callable[[], object]) -> None:
    """Do it until it is not Unavailable."""

    def done() -> bool:
        try:
            action()
        except errors.Unavailable:
            return False
        return True

    wait_until(done)
