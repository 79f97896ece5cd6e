"""Targets: the addresses of the services, one for all or one per process."""

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
_REQUIRED: Final = ("campaign", "scorer", "ingest")
_PROCESSES: Final = (*_REQUIRED, "curation")
_EXPECTED: Final = (
    "host:port, or campaign=host:port,scorer=host:port,ingest=host:port,curation=host:port, each "
    "once or more; loggers do not need curation"
)

_URL_SCHEMES: Final = ("http", "https", "grpc", "grpcs", "tcp")
_GRPC_SCHEMES: Final = ("dns", "unix", "unix-abstract", "vsock", "ipv4", "ipv6", "xds")

Options = list[tuple[str, Any]]


def parse_target(target: str) -> dict[str, str]:
    """The gRPC target of each process; a target shared by all services has the key "".

    Calls to a process with several IP addresses go to each of them in turn. Raises InvalidArgument
    for a missing address, or if a process that loggers need is missing.
    """
    if "=" not in target:
        if not target:
            raise InvalidArgument.of("target", f"is empty; expected {_EXPECTED}")
        _check_address(target)
        return {"": target}
    addresses_of: dict[str, list[str]] = {process: [] for process in _PROCESSES}
    for part in target.split(","):
        process, _, address = part.strip().partition("=")
        if process not in addresses_of or not address:
            raise InvalidArgument.of("target", f"{part!r}; expected {_EXPECTED}")
        _check_address(address)
        addresses_of[process].append(address)
    if missing := [process for process in _REQUIRED if not addresses_of[process]]:
        raise _missing_process(missing[0])
    return {process: _join(addresses) for process, addresses in addresses_of.items() if addresses}


def _check_address(address: str) -> None:
    """Reject URLs and malformed ports, which gRPC would report as unknown hosts."""
    scheme, separator, rest = address.partition("://")
    if separator and scheme.lower() in _URL_SCHEMES:
        host = rest.partition("/")[0] or "localhost:50050"
        problem = f"{address!r} is a URL; a target is host:port: write {host!r}"
        raise InvalidArgument.of("target", problem)
    host, colon, port = address.rpartition(":")
    if colon and ":" not in host and host not in _GRPC_SCHEMES and not port.isdigit():
        problem = f"{address!r} has the port {port!r}; a target is host:port, as localhost:50050"
        raise InvalidArgument.of("target", problem)


def _missing_process(process: str) -> InvalidArgument:
    problem = f"{process} is missing: add {process}=host:port; expected {_EXPECTED}"
    return InvalidArgument.of("target", problem)


def _join(addresses: list[str]) -> str:
    return addresses[0] if len(addresses) == 1 else "ipv4:" + ",".join(addresses)


def process_of(method: str) -> str:
    """The process that serves a method such as `/sluice.v1.ScorerService/ScoreFrames`."""
    service = method.split("/")[1].rpartition(".")[2]
    return _PROCESS_OF.get(service, "campaign")


class _Router:
    """Sends each call to the process that serves it."""

    def __init__(self, channels: Mapping[str, Any]) -> None:
        self._channels = channels

    def _channel_of(self, method: str) -> Any:
        process = process_of(method)
        if process not in self._channels:
            raise _missing_process(process)
        return self._channels[process]

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """See grpc.Channel."""
        return self._channel_of(method).unary_unary(method, *args, **kwargs)

    def unary_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """See grpc.Channel."""
        return self._channel_of(method).unary_stream(method, *args, **kwargs)

    def stream_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """See grpc.Channel."""
        return self._channel_of(method).stream_unary(method, *args, **kwargs)

    def stream_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """See grpc.Channel."""
        return self._channel_of(method).stream_stream(method, *args, **kwargs)


class RoutedChannel(_Router, grpc.Channel):
    """A blocking channel whose calls go to the process that serves them."""

    def subscribe(self, callback: Any, try_to_connect: bool = False) -> None:
        """Subscribe to the connection states of all processes."""
        for channel in self._channels.values():
            channel.subscribe(callback, try_to_connect)

    def unsubscribe(self, callback: Any) -> None:
        """Unsubscribe from all processes."""
        for channel in self._channels.values():
            channel.unsubscribe(callback)

    def close(self) -> None:
        """Close the channels of all processes."""
        for channel in self._channels.values():
            channel.close()

    def __enter__(self) -> RoutedChannel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RoutedAioChannel(_Router, grpc.aio.Channel):
    """An asyncio channel whose calls go to the process that serves them."""

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """The state of the first process that is not ready; ready when all are."""
        return self._first_unready(try_to_connect).get_state()

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Wait until `get_state` returns another state."""
        while (channel := self._first_unready()).get_state() is last_observed_state:
            await channel.wait_for_state_change(last_observed_state)

    def _first_unready(self, try_to_connect: bool = False) -> grpc.aio.Channel:
        channels: list[grpc.aio.Channel] = list(self._channels.values())
        for channel in channels:
            if channel.get_state(try_to_connect) is not grpc.ChannelConnectivity.READY:
                return channel
        return channels[0]

    async def channel_ready(self) -> None:
        """Wait until the channels of all processes are ready."""
        for channel in self._channels.values():
            await channel.channel_ready()

    async def close(self, grace: float | None = None) -> None:
        """Close the channels of all processes."""
        for channel in self._channels.values():
            await channel.close(grace)

    async def __aenter__(self) -> RoutedAioChannel:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
