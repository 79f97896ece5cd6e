"""The error tree, shared by every service and the client.

```
SluiceError
├── InvalidArgument        the request is wrong, and stays wrong however often it is sent
├── FailedPrecondition     the request is right, the state of the thing named is not
│   └── SequenceGap        a batch number was skipped; `expected_seq` says which comes next
├── NotFound               nothing has that name (or the key may not know of it)
├── AlreadyExists          something has that name
├── Aborted                someone else was faster: read again, decide again
├── Unauthenticated        no key, or not one of ours
├── PermissionDenied       a key of ours, without the right to do this
├── ResourceExhausted      a limit was reached; later, or with less, it may pass
├── Unavailable            try again after `retry_after_s`
├── DataLoss               what is stored does not match its digest
└── Internal               a bug of ours
```

Services raise these and nothing else; one interceptor turns them into a gRPC status
(`to_status`), and clients turn the status back into the same class (`from_rpc_error`).
The details travel as google.rpc.ErrorInfo, BadRequest and RetryInfo, so that every gRPC
tool can show them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, cast

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration

from sluice.v1 import errors_pb2

DOMAIN = "sluice"
DETAILS_KEY = "grpc-status-details-bin"

_CONNECTION_LOST = "Internal error from Core"
"""What grpc.aio says when a connection went away while it was sending: not a server's error."""

_Response = TypeVar("_Response")

_TYPE_URL = "type.googleapis.com/google.rpc."


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a request that was refused: its path, and what was wrong with its value."""

    field: str
    description: str


class SluiceError(Exception):
    """Base of every error that Sluice raises on purpose.

    `reason` is a name of the proto enum ErrorReason, stable for programs; the message is for
    people and names the offending field and value; `metadata` repeats those values for programs.
    """

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.UNKNOWN
    default_reason: ClassVar[str] = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        fields: Iterable[FieldViolation] = (),
        metadata: Mapping[str, str] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        self.fields = tuple(fields)
        self.metadata = dict(metadata or {})
        self.retry_after_s = retry_after_s


class InvalidArgument(SluiceError):
    """The request is wrong, and stays wrong however often it is sent."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    default_reason = "INVALID_FIELD"

    @classmethod
    def of(
        cls,
        field: str,
        problem: str,
        *,
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> InvalidArgument:
        """The error for one field: `problem` names the value and what would be accepted."""
        fields = [FieldViolation(field, problem)]
        return cls(f"{field}: {problem}", reason=reason, fields=fields, metadata=metadata)


class FailedPrecondition(SluiceError):
    """The request is right, but the state of the thing it names is not."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    default_reason = "WRONG_STATE"


class SequenceGap(FailedPrecondition):
    """A session's batch number was skipped; `expected_seq` is the one to send next."""

    default_reason = "SEQUENCE_GAP"

    @property
    def expected_seq(self) -> int:
        """The batch number that the session must send next."""
        return int(self.metadata["expected_seq"])


class NotFound(SluiceError):
    """Nothing has that name."""

    code = grpc.StatusCode.NOT_FOUND
    default_reason = "NOT_FOUND"


class AlreadyExists(SluiceError):
    """Something has that name already."""

    code = grpc.StatusCode.ALREADY_EXISTS
    default_reason = "ALREADY_EXISTS"


class Aborted(SluiceError):
    """Someone else changed the same thing first: read it again and decide again."""

    code = grpc.StatusCode.ABORTED
    default_reason = "CONCURRENT_CHANGE"


class Unauthenticated(SluiceError):
    """The call carries no API key, or one that is not known."""

    code = grpc.StatusCode.UNAUTHENTICATED
    default_reason = "API_KEY_INVALID"


class PermissionDenied(SluiceError):
    """The API key is known but may not do this."""

    code = grpc.StatusCode.PERMISSION_DENIED
    default_reason = "SCOPE_MISSING"


class ResourceExhausted(SluiceError):
    """A limit was reached; later, or with less, the same call may pass."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    default_reason = "LIMIT_REACHED"


class Unavailable(SluiceError):
    """The service cannot answer now; try again after `retry_after_s` seconds."""

    code = grpc.StatusCode.UNAVAILABLE
    default_reason = "TRY_LATER"


class DataLoss(SluiceError):
    """What is stored does not match the digest it is named by."""

    code = grpc.StatusCode.DATA_LOSS
    default_reason = "DIGEST_MISMATCH"


class Internal(SluiceError):
    """A bug of ours; the server's log has the traceback."""

    code = grpc.StatusCode.INTERNAL
    default_reason = "INTERNAL"


_BY_CODE: dict[grpc.StatusCode, type[SluiceError]] = {
    cls.code: cls
    for cls in (
        InvalidArgument, FailedPrecondition, NotFound, AlreadyExists, Aborted, Unauthenticated,
        PermissionDenied, ResourceExhausted, Unavailable, DataLoss, Internal,
    )
}  # fmt: skip
_BY_REASON: dict[str, type[SluiceError]] = {SequenceGap.default_reason: SequenceGap}
_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}


def to_status(error: SluiceError) -> errors_pb2.Status:
    """The wire form of an error; equal in bytes to a google.rpc.Status."""
    info = errors_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata)
    details = [any_pb2.Any(type_url=_TYPE_URL + "ErrorInfo", value=info.SerializeToString())]
    if error.fields:
        bad = errors_pb2.BadRequest(
            field_violations=[
                errors_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
                for v in error.fields
            ]
        )
        details.append(
            any_pb2.Any(type_url=_TYPE_URL + "BadRequest", value=bad.SerializeToString())
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
    """The error that `to_status` was given; of the same class, with the same details."""
    reason, metadata, fields, retry_after_s = None, {}, [], None
    for detail in status.details:
        match detail.type_url.removeprefix(_TYPE_URL):
            case "ErrorInfo":
                info = errors_pb2.ErrorInfo.FromString(detail.value)
                reason, metadata = info.reason, dict(info.metadata)
            case "BadRequest":
                bad = errors_pb2.BadRequest.FromString(detail.value)
                fields = [FieldViolation(v.field, v.description) for v in bad.field_violations]
            case "RetryInfo":
                delay = errors_pb2.RetryInfo.FromString(detail.value).retry_delay
                retry_after_s = delay.ToMilliseconds() / 1000
    code = _BY_NUMBER.get(status.code, grpc.StatusCode.UNKNOWN)
    cls = _BY_REASON.get(reason or "") or _BY_CODE.get(code, SluiceError)
    return cls(
        status.message,
        reason=reason,
        fields=fields,
        metadata=metadata,
        retry_after_s=retry_after_s,
    )


def from_rpc_error(error: grpc.RpcError) -> SluiceError:
    """The Sluice error behind a failed call, also when the failure is the network's own."""
    # Pairs, in both of grpc's clients, whatever its type stubs say.
    trailing = cast("Iterable[tuple[str, bytes]]", error.trailing_metadata() or ())
    for key, value in trailing:
        if key == DETAILS_KEY:
            return from_status(errors_pb2.Status.FromString(value))
    code, details = error.code(), error.details() or str(error.code())
    if code is grpc.StatusCode.INTERNAL and _CONNECTION_LOST in details:
        return Unavailable(details)
    return _BY_CODE.get(code, SluiceError)(details)


def translate(call: Callable[..., _Response], *arguments: Any) -> _Response:
    """Make a blocking call; if it fails, raise the Sluice error behind it."""
    try:
        return call(*arguments)
    except grpc.RpcError as error:
        raise from_rpc_error(error) from error


def dumps(error: SluiceError) -> bytes:
    """The error as bytes, for storing it."""
    return to_status(error).SerializeToString()


def loads(stored: bytes) -> SluiceError:
    """The error that `dumps` was given."""
    return from_status(errors_pb2.Status.FromString(stored))
