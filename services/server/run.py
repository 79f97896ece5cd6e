"""Runs a server until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Final, Protocol

import structlog

from services.server import logs
from services.server.settings import ServerSettings
from sluice.errors import SluiceError

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

log = structlog.get_logger()


class RunningServer(Protocol):
    """A started server, as `run` announces it."""

    @property
    def target(self) -> str:
        """The address that it listens on."""

    @property
    def greeting(self) -> str:
        """The announcement printed to stdout."""


def run(
    program: str, settings: ServerSettings, server: AbstractAsyncContextManager[RunningServer]
) -> int:
    """Serve until a signal; returns the exit status, after an error on stderr."""
    logs.configure(settings)
    _tune_collector()
    try:
        asyncio.run(_serve(program, settings, server))
    except (SluiceError, OSError) as error:
        sys.stderr.write(f"{program}: {error}\n")
        return 1
    return 0


def _tune_collector() -> None:
    """Collect cycles rarely: batches create many objects and no cycles.

    Ingest took a tenth less time per batch.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


async def _serve(
    program: str, settings: ServerSettings, server: AbstractAsyncContextManager[RunningServer]
) -> None:
    """Serve until SIGTERM or SIGINT; a second one ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        started = await _start_unless(stop, stack.enter_async_context(server))
        if started is None:
            return
        sys.stdout.write(started.greeting + "\n")
        sys.stdout.flush()
        log.info("server.started", program=program, target=started.target)
        await stop.wait()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        log.info("server.stopping", grace_s=settings.grace_s)
    log.info("server.stopped")


async def _start_unless(
    stop: asyncio.Event, start: Coroutine[Any, Any, RunningServer]
) -> RunningServer | None:
    """Start, and return None when stopped before: a start may wait long for a store."""
    starting, stopping = asyncio.ensure_future(start), asyncio.ensure_future(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not starting.done():
        starting.cancel()
        await asyncio.wait({starting})
    return None if starting.cancelled() else starting.result()
