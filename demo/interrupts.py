"""Ctrl-C and SIGTERM: the demo stops its server, then exits."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine
from types import FrameType
from typing import Any, NoReturn, TypeVar

SIGNALS = (signal.SIGINT, signal.SIGTERM)

Result = TypeVar("Result")


def exit_when_signalled() -> None:
    """Raise SystemExit on SIGINT and SIGTERM from now on."""
    for number in SIGNALS:
        signal.signal(number, _exit)


def run_until_signalled(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine as asyncio does; a signal cancels it, then raises SystemExit.

    Raising at once, as `exit_when_signalled` does, would often interrupt gRPC's C code, which does
    not survive that.
    """
    received: list[int] = []

    async def interruptible() -> Result:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None

        def cancel(number: int) -> None:
            received.append(number)
            task.cancel()

        for number in SIGNALS:
            loop.add_signal_handler(number, cancel, number)
        return await work

    try:
        return asyncio.run(interruptible())
    except asyncio.CancelledError:
        sys.exit(128 + received[0])
    finally:
        exit_when_signalled()  # asyncio removed our handlers


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
