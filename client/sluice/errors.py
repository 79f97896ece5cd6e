"""The error tree, shared by every service and the client.

```
SluiceError
├── InvalidArgument        the request is invalid; sending it again does not help
├── FailedPrecondition     the request is valid, but not in the current state of the resource
│   └── SequenceGap        a batch number was skipped; `expected_seq` is the next one
├── NotFound               no resource has that name (or the key may not see it)
├── AlreadyExists          a resource has that name already
├── Aborted                a concurrent change came first: read the resource and try again
├── Unauthenticated        API key missing or unknown
├── PermissionDenied       the API key lacks the right to do this
├── ResourceExhausted      a limit was reached; retry later, or with less
├── Unavailable            retry after `retry_after_s` seconds
├── DataLoss               stored data does not match its digest
└── Internal               internal error; see the server log
```

Services raise only these. `sluice.rpc_errors` converts them to a gRPC status and back, so that a
client catches the class that the server raised. This module imports neither grpc nor protobuf, so
that the scoring kernel needs only numpy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import grpc


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """An invalid field of a request: its path, and what is wrong with its value."""

    field: str
    description: str


class SluiceError(Exception):
    """Base of every error that Sluice raises on purpose.

    `reason` is a name of the proto enum ErrorReason, stable for programs; the message is for
    people and names the offending field and value; `metadata` repeats those values for programs.
    As text, an error is its message and, if there is one, the next step to take.
    """

    status: ClassVar[str] = "UNKNOWN"
    """The name of the gRPC status code."""

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
        self.next_step = ""
        """What a caller in Python can do about it; set by the client. "": the message says it."""

    def __str__(self) -> str:
        return f"{self.message}; {self.next_step}" if self.next_step else self.message

    @property
    def code(self) -> grpc.StatusCode:
        """The gRPC status code."""
        import grpc  # not at the top: the scoring kernel works without grpc

        return grpc.StatusCode[self.status]


class InvalidArgument(SluiceError):
    """The request is invalid; sending it again does not help."""

    status = "INVALID_ARGUMENT"
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
    """The request is valid, but not in the current state of the resource."""

    status = "FAILED_PRECONDITION"
    default_reason = "WRONG_STATE"


class SequenceGap(FailedPrecondition):
    """A session's batch number was skipped; `expected_seq` is the one to send next."""

    default_reason = "SEQUENCE_GAP"

    @property
    def expected_seq(self) -> int:
        """The batch number that the session must send next."""
        return int(self.metadata["expected_seq"])


class NotFound(SluiceError):
    """No resource has that name."""

    status = "NOT_FOUND"
    default_reason = "NOT_FOUND"

    @classmethod
    def of(cls, name: object, problem: str = "does not exist") -> NotFound:
        """The error for a resource name, which is in the metadata for programs."""
        return cls(f"{name} {problem}", metadata={"name": str(name)})


class AlreadyExists(SluiceError):
    """A resource has that name already."""

    status = "ALREADY_EXISTS"
    default_reason = "ALREADY_EXISTS"


class Aborted(SluiceError):
    """A concurrent change came first: read the resource and try again."""

    status = "ABORTED"
    default_reason = "CONCURRENT_CHANGE"


class Unauthenticated(SluiceError):
    """The API key is missing or unknown."""

    status = "UNAUTHENTICATED"
    default_reason = "API_KEY_INVALID"


class PermissionDenied(SluiceError):
    """The API key lacks the right to do this."""

    status = "PERMISSION_DENIED"
    default_reason = "SCOPE_MISSING"


class ResourceExhausted(SluiceError):
    """A limit was reached; retry later, or with less."""

    status = "RESOURCE_EXHAUSTED"
    default_reason = "LIMIT_REACHED"


class Unavailable(SluiceError):
    """The service cannot answer now; retry after `retry_after_s` seconds."""

    status = "UNAVAILABLE"
    default_reason = "TRY_LATER"


class DataLoss(SluiceError):
    """Stored data does not match the digest that names it."""

    status = "DATA_LOSS"
    default_reason = "DIGEST_MISMATCH"


class Internal(SluiceError):
    """An internal error; the server log has the traceback."""

    status = "INTERNAL"
    default_reason = "INTERNAL"
