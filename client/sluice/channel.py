"""Connections that carry an API key with every call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import grpc

from sluice.limits import MESSAGE_BYTES_MAX
from sluice.proxies import NO_PROXY, is_loopback
from sluice.targets import RoutedAioChannel, RoutedChannel, parse_target

_OPTIONS: Final = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    # Detects a lost connection even while no call is active.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
]
_ROUND_ROBIN: Final = ("grpc.lb_policy_name", "round_robin")


def connect(
    target: str, api_key: str, *, credentials: grpc.ChannelCredentials | None = None
) -> grpc.aio.Channel:
    """An asyncio channel to `target` whose calls carry the key.

    The target is `host:port`, or for services in separate processes
    `campaign=host:port,scorer=host:port,ingest=host:port,curation=host:port`; loggers do not need
    curation. With `credentials`, the connection uses TLS. Addresses of this machine are never
    connected through a proxy. The channel is an async context manager that closes all its
    connections.
    """

    def open_channel(address: str) -> grpc.aio.Channel:
        interceptors = [interceptor(api_key) for interceptor in _KEY_INTERCEPTORS]
        if credentials is None:
            return grpc.aio.insecure_channel(
                address, options=_options(address), interceptors=interceptors
            )
        return grpc.aio.secure_channel(
            address, credentials, options=_options(address), interceptors=interceptors
        )

    channels = {process: open_channel(address) for process, address in parse_target(target).items()}
    return channels[""] if "" in channels else RoutedAioChannel(channels)


def connect_sync(
    target: str,
    api_key: str,
    *,
    credentials: grpc.ChannelCredentials | None = None,
    may_use_proxy: bool = True,
) -> grpc.Channel:
    """A blocking channel to `target` whose calls carry the key; otherwise as `connect`."""

    def open_channel(address: str) -> grpc.Channel:
        options = _options(address)
        if not may_use_proxy:
            options = [*options, NO_PROXY]
        if credentials is None:
            channel = grpc.insecure_channel(address, options=options)
        else:
            channel = grpc.secure_channel(address, credentials, options=options)
        return grpc.intercept_channel(channel, _SyncKeyInterceptor(api_key))

    channels = {process: open_channel(address) for process, address in parse_target(target).items()}
    return channels[""] if "" in channels else RoutedChannel(channels)


def _options(address: str) -> list[tuple[str, Any]]:
    # Calls are spread over all addresses of a target that may have several. Round robin keeps every
    # connection open, which one address does not need.
    may_be_several = address.startswith(("dns:", "ipv4:", "ipv6:"))
    options = [*_OPTIONS, _ROUND_ROBIN] if may_be_several else _OPTIONS
    return [*options, NO_PROXY] if is_loopback(address) else options


class _SyncKeyInterceptor(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Adds the key to unary and streaming calls."""

    def __init__(self, api_key: str) -> None:
        self._metadata = (("authorization", f"Bearer {api_key}"),)

    def _add(self, details: Any) -> Any:
        return details._replace(metadata=(*(details.metadata or ()), *self._metadata))

    def intercept_unary_unary(
        self, continuation: Any, client_call_details: Any, request: Any
    ) -> Any:
        return continuation(self._add(client_call_details), request)

    def intercept_unary_stream(
        self, continuation: Any, client_call_details: Any, request: Any
    ) -> Any:
        return continuation(self._add(client_call_details), request)

    def intercept_stream_unary(
        self, continuation: Any, client_call_details: Any, request_iterator: Any
    ) -> Any:
        return continuation(self._add(client_call_details), request_iterator)

    def intercept_stream_stream(
        self, continuation: Any, client_call_details: Any, request_iterator: Any
    ) -> Any:
        return continuation(self._add(client_call_details), request_iterator)


class _KeyInterceptor:
    """Adds the key to a call. grpc.aio requires one interceptor per kind of call."""

    def __init__(self, api_key: str) -> None:
        # Call credentials would require TLS, which loopback does not need.
        self._metadata = (("authorization", f"Bearer {api_key}"),)

    def _add(self, details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
        metadata = grpc.aio.Metadata(*(details.metadata or ()), *self._metadata)
        return grpc.aio.ClientCallDetails(
            details.method,
            details.timeout,
            metadata,
            details.credentials,
            details.wait_for_ready,
        )


class _UnaryUnary(_KeyInterceptor, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(
        self,
        continuation: Callable[..., Any],
        client_call_details: grpc.aio.ClientCallDetails,
        request: Any,
    ) -> Any:
        return await continuation(self._add(client_call_details), request)


class _UnaryStream(_KeyInterceptor, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(
        self,
        continuation: Callable[..., Any],
        client_call_details: grpc.aio.ClientCallDetails,
        request: Any,
    ) -> Any:
        return await continuation(self._add(client_call_details), request)


class _StreamUnary(_KeyInterceptor, grpc.aio.StreamUnaryClientInterceptor):
    async def intercept_stream_unary(
        self,
        continuation: Callable[..., Any],
        client_call_details: grpc.aio.ClientCallDetails,
        request_iterator: Any,
    ) -> Any:
        return await continuation(self._add(client_call_details), request_iterator)


class _StreamStream(_KeyInterceptor, grpc.aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(
        self,
        continuation: Callable[..., Any],
        client_call_details: grpc.aio.ClientCallDetails,
        request_iterator: Any,
    ) -> Any:
        return await continuation(self._add(client_call_details), request_iterator)


_KEY_INTERCEPTORS: Final = (_UnaryUnary, _UnaryStream, _StreamUnary, _StreamStream)
