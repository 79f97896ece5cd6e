"""One Qdrant server over gRPC: calls with a deadline, retries and errors of `sluice.errors`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar
from urllib.parse import urlsplit

import grpc
import stamina
from qdrant_client import grpc as q
from stamina.instrumentation import set_on_retry_hooks

from sluice.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    SluiceError,
    Unavailable,
)
from sluice.proxies import NO_PROXY

PORT: Final = 6334
"""Qdrant's port for gRPC, used when the address has none."""

VERSION_MIN: Final = (1, 19)
"""The oldest Qdrant that is supported."""

_RETRY_AFTER_S = 5.0

_CHANNEL_OPTIONS: Final = [
    # Callers limit the size of pages, and the server is trusted.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # By default reconnects wait up to two minutes, so a restarted server would seem unavailable.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Detects a connection that was lost without being closed, and reconnects.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    NO_PROXY,
]

# INTERNAL: Qdrant answers so while another client is creating the collection ("0 of 0 read
# operations failed") and when a write failed on a replica ("please retry"). CANCELLED: Qdrant's own
# time limit is over. Every call of this store may be repeated.
_TRANSIENT: Final = {
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.UNKNOWN,
}
_REQUEST_ERRORS: Final[dict[grpc.StatusCode, type[SluiceError]]] = {
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.NOT_FOUND: NotFound,
}
_DISK_FULL: Final = "No space left on device"

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")
_Result = TypeVar("_Result")

Method: TypeAlias = grpc.aio.UnaryUnaryMultiCallable[_Request, _Response]
"""A method of one of qdrant-client's stubs, for example `points.Scroll`."""

UpdateResponse: TypeAlias = q.PointsOperationResponse

# By default stamina logs and counts each retry; the error of the last attempt says enough.
set_on_retry_hooks([])


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The deadline of an attempt, the number of attempts, and the backoff between them."""

    timeout_s: float = 10.0
    """The deadline of each attempt, seconds."""

    attempts: int = 5
    """Maximum number of attempts of a call."""

    backoff_s: float = 0.1
    """The first pause, seconds; doubled for each later one, plus random jitter of up to this.

    Jitter keeps a fleet that lost the server together from retrying in step.
    """

    backoff_max_s: float = 5.0
    """The longest pause, seconds."""


@dataclass(frozen=True, slots=True)
class TlsCertificates:
    """Certificates and key for TLS, in PEM; without roots, those of the operating system."""

    roots: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = None


class _TransientError(Exception):
    """A failure that the next attempt may not meet."""


class QdrantServer:
    """One server over one gRPC channel: its stubs, and calls of them with retries.

    Raises errors.Unavailable naming the request when the retries are used up,
    errors.ResourceExhausted when the server's disk is full, and errors.InvalidArgument, NotFound
    and AlreadyExists as the server answers.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None,
        tls: TlsCertificates | None,
        retry_policy: RetryPolicy,
        version_min: tuple[int, int],
    ) -> None:
        self.url = url
        self._policy = retry_policy
        self._version_min = version_min
        self._version_checked = False
        self._metadata = [("api-key", api_key)] if api_key is not None else []
        self._channel = _open_channel(url, tls)
        self._health = q.QdrantStub(self._channel)  # type: ignore[no-untyped-call]
        self.collections = q.CollectionsStub(self._channel)  # type: ignore[no-untyped-call]
        self.points = q.PointsStub(self._channel)  # type: ignore[no-untyped-call]

    async def query(self, method: Method[_Request, _Response], request: _Request) -> _Response:
        """The response to a request, after as many attempts as the policy allows."""
        return await self._retry(request, lambda: self._attempt(method, request))

    async def update(self, method: Method[_Request, UpdateResponse], request: _Request) -> None:
        """Make a change; returns once it is in effect on as many replicas as it requires."""
        await self._retry(request, lambda: self._attempt_update(method, request))

    async def check_version(self) -> None:
        """Check the server's version, in a single attempt.

        Raises errors.FailedPrecondition when it is too old.
        """
        try:
            await self._check_version()
        except _TransientError as error:
            raise self._unavailable(q.HealthCheckRequest(), str(error)) from error

    async def close(self) -> None:
        """Close the channel, which cancels running calls."""
        await self._channel.close()

    async def _retry(self, request: object, attempt: Callable[[], Awaitable[_Result]]) -> _Result:
        try:
            async for retry in stamina.retry_context(
                on=_TransientError,
                attempts=self._policy.attempts,
                timeout=None,
                wait_initial=self._policy.backoff_s,
                wait_max=self._policy.backoff_max_s,
                wait_jitter=self._policy.backoff_s,
            ):
                with retry:
                    if not self._version_checked:
                        await self._check_version()
                    return await attempt()
        except _TransientError as error:
            problem = f"{error}, {self._policy.attempts} times"
            raise self._unavailable(request, problem) from error
        raise AssertionError("the last attempt returns or raises")

    async def _check_version(self) -> None:
        reply = await self._attempt(self._health.HealthCheck, q.HealthCheckRequest())
        version: str = reply.version
        if tuple(map(int, version.split(".")[:2])) < self._version_min:
            oldest = ".".join(map(str, self._version_min))
            raise FailedPrecondition(
                f"vectors: Qdrant at {self.url} has version {version}, expected {oldest} or later"
            )
        self._version_checked = True

    async def _attempt_update(
        self, method: Method[_Request, UpdateResponse], request: _Request
    ) -> None:
        response = await self._attempt(method, request)
        # Acknowledged means that it is only logged; with the others, the outcome is unknown.
        if response.result.status != q.UpdateStatus.Completed:
            raise _TransientError(f"answered {q.UpdateStatus.Name(response.result.status)}")

    async def _attempt(self, method: Method[_Request, _Response], request: _Request) -> _Response:
        try:
            return await method(request, metadata=self._metadata, timeout=self._policy.timeout_s)
        except grpc.aio.AioRpcError as error:
            raise self._to_error(request, error) from error

    def _to_error(self, request: object, error: grpc.aio.AioRpcError) -> Exception:
        code, details = error.code(), error.details() or ""
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED or _DISK_FULL in details:
            return ResourceExhausted(self._message(request, details))
        if code in _REQUEST_ERRORS:
            return _REQUEST_ERRORS[code](self._message(request, details))
        if code in _TRANSIENT:
            return _TransientError(f"{code.name}: {details}")
        # For example a rejected API key: nothing that the caller of Sluice did or could correct.
        return self._unavailable(request, f"{code.name}: {details}")

    def _unavailable(self, request: object, problem: str) -> Unavailable:
        return Unavailable(self._message(request, problem), retry_after_s=_RETRY_AFTER_S)

    def _message(self, request: object, problem: str) -> str:
        return f"vectors: {type(request).__name__} at {self.url} failed: {problem}"


def _open_channel(url: str, tls: TlsCertificates | None) -> grpc.aio.Channel:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        problem = f"{url!r}, expected http:// or https://, a host and a port"
        raise InvalidArgument.of("url", problem)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    target = f"{host}:{parts.port or PORT}"
    if parts.scheme == "http":
        return grpc.aio.insecure_channel(target, options=_CHANNEL_OPTIONS)
    tls = tls or TlsCertificates()
    credentials = grpc.ssl_channel_credentials(tls.roots, tls.key, tls.certificate)
    return grpc.aio.secure_channel(target, credentials, options=_CHANNEL_OPTIONS)
