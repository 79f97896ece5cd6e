"""`python -m tests.qdrant_server --port N --data DIR`: the stand-in as a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

from tests.qdrant_server.server import QdrantServer


async def main() -> None:
    """Serve until SIGTERM or SIGINT; the first line of output is the URL."""
    parser = argparse.ArgumentParser(prog="python -m tests.qdrant_server")
    parser.add_argument("--port", type=int, default=6334, help="0: any that is free")
    parser.add_argument("--data", type=Path, required=True, help="a folder for the collections")
    arguments = parser.parse_args()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = await QdrantServer(arguments.data).start(arguments.port)
    print(server.url, flush=True)  # noqa: T201 - whoever started it reads this
    await stop.wait()
    await server.stop()


asyncio.run(main())
