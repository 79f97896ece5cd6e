"""Stands between a ledger and its Redis server, and loses or delays what passes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

COMMIT: Final = b"EVALSHA\r\n"
"""What is in the first packet of a commit, and in no other command of a ledger."""


class RedisProxy:
    """Forwards bytes both ways; each fault concerns the next commits that come by, then ends."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self.socket = server.with_name("proxy.sock")
        self.replies_to_lose = 0
        """How many commits reach the server, while their connection breaks before the reply."""

        self.commits_to_hold = 0
        """How many commits are kept back until `release`, however long their sender waits."""

        self.held = 0
        self._released = asyncio.Event()
        self._answered = asyncio.Event()

    @property
    def url(self) -> str:
        """The address for the ledger."""
        return f"unix://{self.socket}"

    async def release(self) -> None:
        """Let through what was held, and wait until the server has answered it."""
        self._released.set()
        await self._answered.wait()

    async def serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """Forward one connection until either side ends it."""
        server, forward = await asyncio.open_unix_connection(self._server)
        try:
            await self._forward_requests(client, forward, server, back)
        finally:
            for writer in (forward, back):
                writer.close()

    async def _forward_requests(
        self,
        client: asyncio.StreamReader,
        forward: asyncio.StreamWriter,
        server: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> None:
        replies = asyncio.create_task(_copy(server, back))
        lost = False
        while not lost and (data := await client.read(2**20)):
            if COMMIT in data and self.commits_to_hold:
                self.commits_to_hold -= 1
                self.held += 1
                await self._released.wait()
                lost = True
            elif COMMIT in data and self.replies_to_lose:
                self.replies_to_lose -= 1
                lost = True
            if lost:
                await _end(replies)
            forward.write(data)
        if lost:
            await server.read(1)
            self._answered.set()
        await _end(replies)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(2**20):
            writer.write(data)
        writer.close()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@asynccontextmanager
async def proxied(server: Path) -> AsyncIterator[RedisProxy]:
    """A proxy before the server that listens on that socket."""
    proxy = RedisProxy(server)
    listener = await asyncio.start_unix_server(proxy.serve, proxy.socket)
    try:
        yield proxy
    finally:
        listener.close()
        proxy.socket.unlink()
