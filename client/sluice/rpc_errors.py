"""Errors on the wire and in storage, as a google.rpc.Status.

An interceptor of the server converts an error to a status (`to_status`); clients convert it back to
an error of the same class (`from_rpc_error`). The details are google.rpc.ErrorInfo, BadRequest and
RetryInfo messages, so that every gRPC tool can show them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar, cast

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from sluice.connection_errors import NAME_PROCESSES, explain_failure
from sluice.errors import (
    Aborted,
    AlreadyExists,
    DataLoss,
    FailedPrecondition,
    FieldViolation,
    Internal,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    SequenceGap,
    SluiceError,
    Unauthenticated,
    Unavailable,
)
from sluice.next_steps import method_step
from sluice.proxies import explain_proxy
from sluice.targets import process_of
from sluice.v1 import errors_pb2

DOMAIN: Final = "sluice"
DETAILS_KEY: Final = "grpc-status-details-bin"

_CONNECTION_LOST: Final = "Internal error from Core"
"""The message of grpc.aio for a connection lost while sending; not an error of the server."""

_TYPE_URL: Final = "type.googleapis.com/google.rpc."

_Response = TypeVar("_Response")

_BY_CODE: Final[dict[grpc.StatusCode, type[SluiceError]]] = {
    grpc.StatusCode[cls.status]: cls
    for cls in (
        InvalidArgument, FailedPrecondition, NotFound, AlreadyExists, Aborted, Unauthenticated,
        PermissionDenied, ResourceExhausted, Unavailable, DataLoss, Internal,
    )
}  # fmt: skip
_BY_REASON: Final[dict[str, type[SluiceError]]] = {SequenceGap.default_reason: SequenceGap}
_BY_NUMBER: Final = {code.value[0]: code for code in grpc.StatusCode}


def to_status(error: SluiceError) -> errors_pb2.Status:
    """The wire form of an error; equal in bytes to a google.rpc.Status."""
    info = errors_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata)
    details = [any_pb2.Any(type_url=_TYPE_URL + "ErrorInfo", value=info.SerializeToString())]
    if error.fields:
        bad_request = errors_pb2.BadRequest(
            field_violations=[
                errors_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
                for v in error.fields
            ]
        )
        details.append(
            any_pb2.Any(type_url=_TYPE_URL + "BadRequest", value=bad_request.SerializeToString())
        )
    if error.retry_after_s is not None:
        delay = Duration()
        delay.FromMilliseconds(round(error.retry_after_s * 1000))
        retry = errors_pb2.RetryInfo(retry_delay=delay)
        details.append(
            any_pb2.Any(type_url=_TYPE_URL + "RetryInfo", value=retry.SerializeToString())
        )
    return errors_pb2.Status(code=error.code.value[0], message=error.message, details=details)


def from_status(status: errors_pb2.Status) -> SluiceError:
    """The error of a status; `from_status(to_status(error))` keeps the class and details."""
    reason, metadata, fields, retry_after_s = None, {}, [], None
    for detail in status.details:
        match detail.type_url.removeprefix(_TYPE_URL):
            case "ErrorInfo":
                info = errors_pb2.ErrorInfo.FromString(detail.value)
                reason, metadata = info.reason, dict(info.metadata)
            case "BadRequest":
                bad_request = errors_pb2.BadRequest.FromString(detail.value)
                fields = [
                    FieldViolation(v.field, v.description) for v in bad_request.field_violations
                ]
            case "RetryInfo":
                delay = errors_pb2.RetryInfo.FromString(detail.value).retry_delay
                retry_after_s = delay.ToMilliseconds() / 1000
    code = _BY_NUMBER.get(status.code, grpc.StatusCode.UNKNOWN)
    cls = _BY_REASON.get(reason or "") or _BY_CODE.get(code, SluiceError)
    error = cls(
        status.message,
        reason=reason,
        fields=fields,
        metadata=metadata,
        retry_after_s=retry_after_s,
    )
    error.next_step = method_step(error)
    return error


class FailedCall(grpc.RpcError):
    """A failed call as the cause of a Sluice error: one line, not the block that gRPC prints.

    `original` is the error of gRPC, with the details that help to find a fault in the network.
    """

    def __init__(self, original: grpc.RpcError) -> None:
        super().__init__(f"gRPC status {original.code().name}")
        self.original = original

    def code(self) -> grpc.StatusCode:
        """See grpc.Call."""
        return self.original.code()

    def details(self) -> str:
        """See grpc.Call."""
        return self.original.details() or ""

    def trailing_metadata(self) -> Any:
        """See grpc.Call."""
        return self.original.trailing_metadata()


def from_rpc_error(error: grpc.RpcError) -> SluiceError:
    """The Sluice error of a failed call; a network error becomes the nearest class."""
    # Both of grpc's clients return pairs, although the type stubs disagree.
    trailing = cast("Iterable[tuple[str, bytes]]", error.trailing_metadata() or ())
    for key, value in trailing:
        if key == DETAILS_KEY:
            return from_status(errors_pb2.Status.FromString(value))
    code, details = error.code(), error.details() or str(error.code())
    if code is grpc.StatusCode.INTERNAL and _CONNECTION_LOST in details:
        return Unavailable(details)
    if code is grpc.StatusCode.UNAVAILABLE:
        return _explain_unavailable(details)
    sluice_error = _BY_CODE.get(code, SluiceError)(details)
    if code is grpc.StatusCode.UNIMPLEMENTED:
        sluice_error.next_step = NAME_PROCESSES
    return sluice_error


def _explain_unavailable(details: str) -> Unavailable:
    message, next_step = explain_proxy(details), ""
    if message == details:
        message, next_step = explain_failure(details)
    error = Unavailable(message)
    error.next_step = next_step
    return error


def translate(call: Callable[..., _Response], *arguments: Any) -> _Response:
    """Make a blocking call; if it fails, raise it as a Sluice error."""
    try:
        return call(*arguments)
    except grpc.RpcError as error:
        sluice_error = from_rpc_error(error)
        if error.code() is grpc.StatusCode.UNIMPLEMENTED:
            sluice_error = _not_served(sluice_error, arguments)
        raise sluice_error from FailedCall(error)


def _not_served(error: SluiceError, arguments: Iterable[Any]) -> SluiceError:
    """The error of a call to a process that lacks the service, which is named after the request."""
    for request in arguments:
        if isinstance(request, Message):
            # Each file of protos/ has one service, and the messages of its methods.
            [service, *_] = request.DESCRIPTOR.file.services_by_name
            process = process_of(f"/sluice.v1.{service}/")
            text = f"the server there has no {service}, which the process {process} serves"
            named = SluiceError(text, reason=error.reason)
            named.next_step = error.next_step
            return named
    return error


def dumps(error: SluiceError) -> bytes:
    """The error as bytes, for storing it."""
    return to_status(error).SerializeToString()


def loads(stored: bytes) -> SluiceError:
    """Read the bytes of `dumps`."""
    return from_status(errors_pb2.Status.FromString(stored))
