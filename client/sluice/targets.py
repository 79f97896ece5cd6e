"""Where a server's services listen: all on one address, or each on its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import grpc

from sluice.errors import InvalidArgument

_PROCESS_OF: Final = {
    "ScorerService": "scorer",
    "IngestService": "ingest",
    "FrameService": "curation",
    "RoundService": "curation",
    "GoldenSetService": "curation",
    "ProgressService": "curation",
    "BatchService": "curation",
}
_NEEDED: Final = ("campaign", "scorer", "ingest")
_PROCESSES: Final = (*_NEEDED, "curation")
_EXPECTED: Final = (
    "host:port, or campaign=host:port,scorer=host:port,ingest=host:port,curation=host:port with "
    "each of them once or more; loggers need no curation"
)

Options = list[tuple[str, Any]]


def parse_target(target: str) -> dict[str, str]:
    """The gRPC target of each process; one under "" when all services share it.

    A process that is named several times, by IP addresses, gets its calls in turn. Raises
    InvalidArgument for what names no address, or not all processes that loggers need.
    """
    if "=" not in target:
        if not target:
            raise InvalidArgument.of("target", f"is empty; expected {_EXPECTED}")
        return {"": target}
    named: dict[str, list[str]] = {process: [] for process in _PROCESSES}
    for part in target.split(","):
        process, _, address = part.strip().partition("=")
        if process not in named or not address:
            raise InvalidArgument.of("target", f"{part!r}; expected {_EXPECTED}")
        named[process].append(address)
    if missing := [process for process in _NEEDED if not named[process]]:
        raise _names_no(missing[0])
    return {process: _joined(addresses) for process, addresses in named.items() if addresses}


def _names_no(process: str) -> InvalidArgument:
    return InvalidArgument.of("target", f"names no {process}; expected {_EXPECTED}")


def _joined(addresses: list[str]) -> str:
    return addresses[0] if len(addresses) == 1 else "ipv4:" + ",".join(addresses)


def process_of(method: str) -> str:
    """The process that serves a method, `/sluice.v1.ScorerService/ScoreFrames`."""
    service = method.split("/")[1].rpartition(".")[2]
    return _PROCESS_OF.get(service, "campaign")


class _Router:
    """The calls of a channel, blocking or not, each sent to the process that serves it."""

    def __init__(self, channels: Mapping[str, Any]) -> None:
        self._channels = channels

    def _of(self, method: str) -> Any:
        process = process_of(method)
        if process not in self._channels:
            raise _names_no(process)
        return self._channels[process]

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """See grpc.Channel."""
        return self._of(method).unary_unary(method, *args, **kwargs)

    def unary_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """See grpc.Channel."""
        return self._of(method).unary_stream(method, *args, **kwargs)

    def stream_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """See grpc.Channel."""
        return self._of(method).stream_unary(method, *args, **kwargs)

    def stream_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """See grpc.Channel."""
        return self._of(method).stream_stream(method, *args, **kwargs)


class RoutedChannel(_Router, grpc.Channel):
    """A blocking channel whose calls go to the process that serves them."""

    def subscribe(self, callback: Any, try_to_connect: bool = False) -> None:
        """Hear of every process's connection."""
        for channel in self._channels.values():
            channel.subscribe(callback, try_to_connect)

    def unsubscribe(self, callback: Any) -> None:
        """Hear no more."""
        for channel in self._channels.values():
            channel.unsubscribe(callback)

    def close(self) -> None:
        """Close all."""
        for channel in self._channels.values():
            channel.close()

    def __enter__(self) -> RoutedChannel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RoutedAioChannel(_Router, grpc.aio.Channel):
    """The same for asyncio."""

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """The state of the first process that is not ready; ready when all are."""
        return self._slowest(try_to_connect).get_state()

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Wait until `get_state` says something else."""
        while (slowest := self._slowest()).get_state() is last_observed_state:
            await slowest.wait_for_state_change(last_observed_state)

    def _slowest(self, try_to_connect: bool = False) -> grpc.aio.Channel:
        channels: list[grpc.aio.Channel] = list(self._channels.values())
        for channel in channels:
            if channel.get_state(try_to_connect) is not grpc.ChannelConnectivity.READY:
                return channel
        return channels[0]

    async def channel_ready(self) -> None:
        """Wait until all processes can be reached."""
        for channel in self._channels.values():
            await channel.channel_ready()

    async def close(self, grace: float | None = None) -> None:
        """Close all."""
        for channel in self._channels.values():
            await channel.close(grace)

    async def __aenter__(self) -> RoutedAioChannel:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
