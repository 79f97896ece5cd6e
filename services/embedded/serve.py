"""What `sluiced` does between its start and the signal that ends it."""

from __future__ import annotations

import asyncio
import signal
import sys

import structlog

from services.embedded.process import Running, running
from services.platform import logs
from services.platform.settings import Settings
from sluice.errors import SluiceError

log = structlog.get_logger()


def run(settings: Settings) -> int:
    """Serve; the exit status of the process, and on stderr what went wrong."""
    try:
        asyncio.run(serve(settings))
    except (SluiceError, OSError) as error:
        sys.stderr.write(f"sluiced: {error}\n")
        return 1
    return 0


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; a second one ends the process at once."""
    logs.configure(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings) as server:
        _greet(server)
        log.info("server.started", target=server.target, data_dir=str(server.data_dir))
        await stop.wait()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        log.info("server.stopping", grace_s=settings.grace_s)
    log.info("server.stopped")


def _greet(server: Running) -> None:
    """Tell a person where the server is and, the first time, the admin's key."""
    if server.first_start:
        lines = [
            "The admin's key, shown only now:",
            "",
            server.admin_key,
            "",
            f"Scripts find it in {server.admin_file}, which only you can read;",
            "delete that file once the key is in a safe place.",
        ]
        width = max(map(len, lines))
        frame = "─" * (width + 2)
        framed = [f"│ {line:<{width}} │" for line in lines]
        sys.stdout.write("\n".join([f"┌{frame}┐", *framed, f"└{frame}┘", ""]))
    sys.stdout.write(f"sluiced listens on {server.target}; its data lies in {server.data_dir}\n")
    sys.stdout.flush()
