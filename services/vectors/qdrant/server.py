"""Calls of a Qdrant server over gRPC: a deadline for each, some patience, and errors of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar
from urllib.parse import urlsplit

import grpc
from qdrant_client import grpc as q

from sluice.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    SluiceError,
    Unavailable,
)

PORT: Final = 6334
"""Where Qdrant listens for gRPC, unless the address says otherwise."""

VERSION_MIN: Final = (1, 19)
"""The oldest Qdrant that is supported."""

_RETRY_AFTER_S = 5.0

_CHANNEL_OPTIONS: Final = [
    # Pages are cut to size by those who ask for them, and the server's answers are trusted.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # gRPC's own pauses grow to two minutes, for which a restarted server would seem to be away.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # A connection whose other end is gone without a word is found out and made anew.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
]

# INTERNAL, since Qdrant says so while a collection of somebody else comes to be ("0 of 0 read
# operations failed") and when a write failed on some replica ("please retry"); CANCELLED, since it
# says so when its own time limit is over. Every call of ours may be repeated.
_PASSING: Final = {
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.UNKNOWN,
}
_ABOUT_THE_REQUEST: Final[dict[grpc.StatusCode, type[SluiceError]]] = {
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.NOT_FOUND: NotFound,
}
_DISK_FULL: Final = "No space left on device"

_Response = TypeVar("_Response")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a call may take, and how often it is made before it is given up."""

    timeout_s: float = 10.0
    """The deadline of each attempt, seconds."""

    attempts: int = 5
    """How often a call is made at most."""

    backoff_s: float = 0.1
    """The pause before the second attempt, seconds; it doubles before each later one."""


@dataclass(frozen=True, slots=True)
class Tls:
    """What TLS is made with, each in PEM; without roots, those of the operating system."""

    roots: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = None


class Request(Protocol):
    """A protobuf message."""

    def SerializeToString(self) -> bytes:  # noqa: N802 - protobuf's name
        """The message as bytes."""


class _Passing(Exception):
    """A failure that the next attempt may not meet."""


class Calls:
    """The calls of one server, on one connection.

    Raises errors.Unavailable naming the call once patience is over, errors.ResourceExhausted when
    the server's disk is full, and errors.InvalidArgument, NotFound and AlreadyExists as it answers.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None,
        tls: Tls | None,
        retry_policy: RetryPolicy,
        version_min: tuple[int, int],
    ) -> None:
        self.url = url
        self._patience = retry_policy
        self._version_min = version_min
        self._version_checked = False
        self._metadata = [("api-key", api_key)] if api_key is not None else []
        self._channel = _channel(url, tls)

    async def ask(self, method: str, request: Request, response: type[_Response]) -> _Response:
        """What the server answers, after as many attempts as patience allows."""
        return await self._patiently(method, lambda: self._attempt(method, request, response))

    async def check(self) -> None:
        """Ask for the server's version, in a single attempt.

        Raises errors.FailedPrecondition when it is too old.
        """
        try:
            await self._check_version()
        except _Passing as failure:
            raise self._unavailable("Qdrant/HealthCheck", str(failure)) from failure

    async def update(self, method: str, request: Request) -> None:
        """Make a change, and return once it is in effect on as many replicas as was asked for."""

        async def attempt() -> None:
            answer = await self._attempt(method, request, q.PointsOperationResponse)
            # Acknowledged would be in a log only; ClockRejected and WaitTimeout, in doubt.
            if answer.result.status != q.UpdateStatus.Completed:
                raise _Passing(f"answered {q.UpdateStatus.Name(answer.result.status)}")

        await self._patiently(method, attempt)

    async def close(self) -> None:
        """End the connection, and with it the calls under way."""
        await self._channel.close()

    async def _patiently(
        self, method: str, attempt: Callable[[], Awaitable[_Response]]
    ) -> _Response:
        attempts, pause_s = 0, self._patience.backoff_s
        while True:
            attempts += 1
            try:
                if not self._version_checked:
                    await self._check_version()
                return await attempt()
            except _Passing as failure:
                if attempts >= self._patience.attempts:
                    raise self._unavailable(method, f"{failure}, {attempts} times") from failure
            await asyncio.sleep(pause_s)
            pause_s *= 2

    async def _check_version(self) -> None:
        request, response = q.HealthCheckRequest(), q.HealthCheckReply
        found = (await self._attempt("Qdrant/HealthCheck", request, response)).version
        if tuple(map(int, found.split(".")[:2])) < self._version_min:
            needed = ".".join(map(str, self._version_min))
            raise FailedPrecondition(
                f"vectors: Qdrant {found} runs at {self.url}; {needed} or later is needed"
            )
        self._version_checked = True

    async def _attempt(self, method: str, request: Request, response: type[_Response]) -> _Response:
        call: grpc.aio.UnaryUnaryMultiCallable[Request, _Response] = self._channel.unary_unary(
            f"/qdrant.{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString,  # type: ignore[attr-defined]
        )
        try:
            return await call(request, metadata=self._metadata, timeout=self._patience.timeout_s)
        except grpc.aio.AioRpcError as error:
            raise self._translated(method, error) from error

    def _translated(self, method: str, error: grpc.aio.AioRpcError) -> Exception:
        code, details = error.code(), error.details() or ""
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED or _DISK_FULL in details:
            return ResourceExhausted(f"vectors: {method} at {self.url}: {details}")
        if code in _ABOUT_THE_REQUEST:
            return _ABOUT_THE_REQUEST[code](f"vectors: {method} at {self.url}: {details}")
        if code in _PASSING:
            return _Passing(f"{code.name}: {details}")
        # A refused key among them: nothing that our own caller did, or could mend.
        return self._unavailable(method, f"{code.name}: {details}")

    def _unavailable(self, method: str, problem: str) -> Unavailable:
        message = f"vectors: {method} at {self.url} failed: {problem}"
        return Unavailable(message, retry_after_s=_RETRY_AFTER_S)


def _channel(url: str, tls: Tls | None) -> grpc.aio.Channel:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        problem = f"{url!r}; http:// or https://, a host and a port are needed"
        raise InvalidArgument.of("url", problem)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    target = f"{host}:{parts.port or PORT}"
    if parts.scheme == "http":
        return grpc.aio.insecure_channel(target, options=_CHANNEL_OPTIONS)
    tls = tls or Tls()
    credentials = grpc.ssl_channel_credentials(tls.roots, tls.key, tls.certificate)
    return grpc.aio.secure_channel(target, credentials, options=_CHANNEL_OPTIONS)
