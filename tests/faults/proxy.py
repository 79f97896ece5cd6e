"""Stands between loggers and ingest: loses acknowledgements, and resets connections mid-frame."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Final

REQUEST, ANSWER, LOST = "within a request", "within an answer", "after lost answers"
FAULTS: Final = {REQUEST: (600, 20_000), ANSWER: (300, 1_000), LOST: (300, 1_000)}
"""When connections are reset, and between how many bytes. Not before HTTP/2's settings have
passed, for then gRPC itself waits for seconds before it connects again."""

LOST_S: Final = 0.2
"""How long answers are lost before the reset, so that batches are counted meanwhile."""

READ_BYTES: Final = 2**16
_NO_LINGER: Final = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards to an address; each connection meets a fault, until there were so many."""

    def __init__(self, address: str, chance: random.Random, faults_max: int) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._chance = chance
        self._faults = iter([*FAULTS] * (faults_max // len(FAULTS)))
        self.met: Counter[str] = Counter()

    async def serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """Forward one connection until either side ends it, or the fault does."""
        server, forward = await asyncio.open_connection(self._host, self._port)
        fault = next(self._faults, "")
        limit = self._chance.randint(*FAULTS[fault]) if fault else None
        up_limit, down_limit = (limit, None) if fault == REQUEST else (None, limit)
        up = asyncio.create_task(_copy(client, forward, up_limit))
        down = asyncio.create_task(_copy(server, back, down_limit))
        try:
            done, _ = await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            if any(task.result() for task in done):
                self.met[fault] += 1
                if fault == LOST:
                    await _lose(server)
        finally:
            up.cancel()
            down.cancel()
            _reset(forward)
            _reset(back)


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None
) -> bool:
    """Forward up to so many bytes; whether it came to that."""
    passed = 0
    with suppress(OSError):
        while data := await reader.read(READ_BYTES):
            part = data if limit is None else data[: limit - passed]
            writer.write(part)
            await writer.drain()
            passed += len(part)
            if passed == limit:
                return True
    return False


async def _lose(server: asyncio.StreamReader) -> None:
    """Take what the server answers, and pass on nothing of it."""
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(LOST_S):
            while await server.read(READ_BYTES):
                pass


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection at once, by RST."""
    with suppress(OSError):
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()


@contextmanager
def proxied(proxy: Proxy) -> Iterator[str]:
    """The address where the proxy listens, in a thread of its own."""
    bound: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def listen() -> None:
        ended = asyncio.Event()
        listener = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        address = "{}:{}".format(*listener.sockets[0].getsockname())
        bound.set_result((address, asyncio.get_running_loop(), ended))
        await ended.wait()
        listener.close()

    thread = threading.Thread(target=lambda: asyncio.run(listen()))
    thread.start()
    address, loop, ended = bound.result()
    try:
        yield address
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
