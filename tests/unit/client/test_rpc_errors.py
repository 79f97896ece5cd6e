"""Client and server have the same errors, and any gRPC tool can read their details."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from sluice import errors, rpc_errors
from sluice.client import CollectionClient

CLASSES = [*errors.SluiceError.__subclasses__(), errors.SequenceGap]


def full(cls: type[errors.SluiceError]) -> errors.SluiceError:
    """An error of that class with every detail."""
    return cls(
        "frame.id: is empty",
        fields=[errors.FieldViolation("frame.id", "is empty")],
        metadata={"expected_seq": "7"},
        retry_after_s=1.5,
    )


def contents(error: errors.SluiceError) -> tuple[object, ...]:
    """The class and all fields of an error."""
    details = (error.message, error.reason, error.fields, error.metadata, error.retry_after_s)
    return type(error), *details


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_survives_the_wire_and_storage(cls: type[errors.SluiceError]) -> None:
    """A client catches the class and details that a service raised."""
    assert contents(full(cls)) == contents(rpc_errors.from_status(rpc_errors.to_status(full(cls))))
    assert contents(full(cls)) == contents(rpc_errors.loads(rpc_errors.dumps(full(cls))))


def test_googles_own_classes_read_the_details() -> None:
    """The status is a google.rpc.Status, with details under google.rpc's own types."""
    sent = rpc_errors.dumps(full(errors.Unavailable))
    status = status_pb2.Status.FromString(sent)
    info, bad, retry = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
    )
    assert all(d.Unpack(m) for d, m in zip(status.details, (info, bad, retry), strict=True))
    assert (14, "frame.id: is empty") == (status.code, status.message)
    assert ("TRY_LATER", "sluice", "7") == (info.reason, info.domain, info.metadata["expected_seq"])
    assert "frame.id" == bad.field_violations[0].field
    assert 1_500 == retry.retry_delay.ToMilliseconds()


def failed_call(code: grpc.StatusCode, details: str, status: bytes = b"") -> grpc.aio.AioRpcError:
    """A failed call, with or without the details of Sluice."""
    trailing = grpc.aio.Metadata(*([(rpc_errors.DETAILS_KEY, status)] if status else []))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, details)


def test_a_failed_call_is_the_error_that_the_server_raised() -> None:
    """The details in the trailers take precedence over the status code."""
    sent = full(errors.SequenceGap)
    call = failed_call(grpc.StatusCode.FAILED_PRECONDITION, "cut", rpc_errors.dumps(sent))
    assert contents(sent) == contents(rpc_errors.from_rpc_error(call))


@pytest.mark.parametrize(
    ("code", "details", "expected"),
    [
        (grpc.StatusCode.UNAVAILABLE, "failed to connect", errors.Unavailable),
        (grpc.StatusCode.INTERNAL, "Internal error from Core", errors.Unavailable),
        (grpc.StatusCode.INTERNAL, "a bug", errors.Internal),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "too slow", errors.SluiceError),
    ],
)
def test_a_failure_of_the_network_becomes_the_nearest_class(
    code: grpc.StatusCode, details: str, expected: type[errors.SluiceError]
) -> None:
    """Without details the status code decides; a lost connection is Unavailable: retried."""
    error = rpc_errors.from_rpc_error(failed_call(code, details))
    assert (expected, details) == (type(error), error.message)


def test_the_cause_is_the_error_of_grpc_in_one_line() -> None:
    """The cause of an error has gRPC's code and details, and prints one line."""

    def call() -> None:
        raise failed_call(grpc.StatusCode.NOT_FOUND, "nothing\nthere")

    with pytest.raises(errors.NotFound) as raised:
        rpc_errors.translate(call)
    cause = raised.value.__cause__
    assert isinstance(cause, rpc_errors.FailedCall)
    assert isinstance(cause, grpc.RpcError)
    assert (grpc.StatusCode.NOT_FOUND, "nothing\nthere") == (cause.code(), cause.details())
    assert isinstance(cause.original, grpc.aio.AioRpcError)
    assert "gRPC status NOT_FOUND" == str(cause)


def test_as_text_an_error_names_the_next_step() -> None:
    """The text of an error ends with the next step, and its message stays as the server sent it."""
    sent = errors.NotFound.of("projects/p/issues/i")
    call = failed_call(grpc.StatusCode.NOT_FOUND, "cut", rpc_errors.dumps(sent))
    error = rpc_errors.from_rpc_error(call)
    assert "projects/p/issues/i does not exist" == error.message == str(sent)
    assert f"{error.message}; see client.issues.list('projects/p')" == str(error)


def test_a_process_without_the_service_is_told_from_the_one_that_has_it() -> None:
    """A target that is one process of a cluster is an error that names the service's process."""
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with CollectionClient(f"127.0.0.1:{port}") as client:
            client.set_credentials("key")
            with pytest.raises(errors.SluiceError) as raised:
                client.samples.funnel("projects/p/campaigns/c")
            with pytest.raises(errors.SluiceError, match="no FrameService, which the process cur"):
                client.datasets.counts("projects/p/datasets/d")
    finally:
        server.stop(None)
    assert (
        "the server there has no IngestService, which the process ingest serves; name the address "
        "of each process in SLUICE_TARGET: campaign=host:port,scorer=host:port,ingest=host:port,"
        "curation=host:port" == str(raised.value)
    )


def test_an_unknown_method_asks_for_the_address_of_each_process() -> None:
    """A process that lacks a service is one of a cluster: its target names each process."""
    error = rpc_errors.from_rpc_error(
        failed_call(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
    )
    assert "Method not found!; name the address of each process in SLUICE_TARGET: campaign=" in str(
        error
    )
