"""Clients that stall: each on a connection of its own, sending without ever reading an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc

from sluice.v1 import project_pb2
from sluice.v1.project_pb2_grpc import ProjectServiceStub

STREAMS_PER_KEY: Final = 50
"""Fewer than a key may have open."""

OPTIONS: Final = [
    ("grpc.use_local_subchannel_pool", 1),
    # A small window for answers: what nobody reads soon stays with the server.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 2**16),
]
POLL_S: Final = 0.25
QUIET_POLLS: Final = 8


class ProcessMemory:
    """The memory of a process, from now on."""

    def __init__(self, pid: int) -> None:
        self._proc = Path(f"/proc/{pid}")
        (self._proc / "clear_refs").write_text("5")  # forgets the peak, see proc(5)
        self._before = self._read("VmRSS")

    def growth_bytes(self) -> int:
        """How much more than at first it had at any time since."""
        return self._read("VmHWM") - self._before

    def _read(self, field: str) -> int:
        lines = (self._proc / "status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith(field))) * 1_024


def keys(channel: grpc.Channel, project: str, count: int) -> list[str]:
    """So many keys for loggers of a project."""
    stub = ProjectServiceStub(channel)
    api_key = project_pb2.ApiKey(scopes=[project_pb2.SCOPE_LOG])
    request = project_pb2.CreateApiKeyRequest(parent=project, api_key=api_key)
    return [stub.CreateApiKey(request).secret for _ in range(count)]


@dataclass(slots=True)
class StalledStream:
    """One stream; `sent` counts the messages that were taken from its client."""

    call: Any
    sent: int = 0
    task: asyncio.Task[None] = field(init=False)

    async def send(self, messages: Sequence[Any]) -> None:
        """Send all, however long the other end makes it take."""
        for message in messages:
            await self.call.write(message)
            self.sent += 1


@asynccontextmanager
async def stalled_streams(
    address: str,
    method: Callable[[grpc.aio.Channel], Any],
    tokens: Sequence[str],
    messages: Sequence[Sequence[Any]],
) -> AsyncIterator[list[StalledStream]]:
    """A stream for each sequence of messages, over connections that nobody shares."""
    async with AsyncExitStack() as stack:
        streams = []
        for number, sequence in enumerate(messages):
            channel = grpc.aio.insecure_channel(address, options=OPTIONS)
            await stack.enter_async_context(channel)
            metadata = [("authorization", f"Bearer {tokens[number // STREAMS_PER_KEY]}")]
            stream = StalledStream(method(channel)(metadata=metadata))
            stream.task = asyncio.create_task(stream.send(sequence))
            streams.append(stream)
        try:
            yield streams
        finally:
            for stream in streams:
                stream.task.cancel()
                stream.call.cancel()
            await asyncio.gather(*(stream.task for stream in streams), return_exceptions=True)


async def until_quiet(streams: Sequence[StalledStream]) -> int:
    """Wait until no stream gets rid of any more for a while; how many messages all have sent.

    On a machine that rests for longer than that, this is early, and what is measured then is less.
    """
    before, quiet = -1, 0
    while quiet < QUIET_POLLS:
        sent = sum(stream.sent for stream in streams)
        quiet = quiet + 1 if sent == before else 0
        before = sent
        await asyncio.sleep(POLL_S)
    return before
