"""Ctrl-C during a scan."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def raising_interrupts() -> Iterator[Callable[[], None]]:
    """Raise KeyboardInterrupt on Ctrl-C; yields a function that raises it again if it was lost.

    Python drops an exception that is raised while an object is finalised.
    """
    received = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal received
        received = True
        raise KeyboardInterrupt

    def raise_if_interrupted() -> None:
        if received:
            raise KeyboardInterrupt

    previous = signal.signal(signal.SIGINT, interrupt)
    try:
        yield raise_if_interrupted
    finally:
        signal.signal(signal.SIGINT, previous)
