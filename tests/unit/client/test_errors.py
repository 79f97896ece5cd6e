"""The error classes: each has a status and a reason of the API, and needs no package."""

from __future__ import annotations

import subprocess
import sys

import grpc
import pytest

from sluice import errors
from sluice.v1 import errors_pb2

CLASSES = [*errors.SluiceError.__subclasses__(), errors.SequenceGap]


@pytest.mark.parametrize("cls", CLASSES)
def test_default_reasons_are_in_the_proto(cls: type[errors.SluiceError]) -> None:
    """The default reason of a class is a value of the proto's ErrorReason."""
    assert f"ERROR_REASON_{cls.default_reason}" in set(errors_pb2.ErrorReason.keys())


def test_an_error_has_the_status_code_of_grpc() -> None:
    """`code` is grpc's own status code, which callers compare with."""
    assert grpc.StatusCode.NOT_FOUND is errors.NotFound("no issue").code
    assert grpc.StatusCode.UNKNOWN is errors.SluiceError("no answer").code


def test_an_invalid_argument_names_its_field() -> None:
    """The message of `InvalidArgument.of` begins with the field, and `fields` repeats it."""
    error = errors.InvalidArgument.of("frame.id", "is empty")

    assert "frame.id: is empty" == error.message
    assert (errors.FieldViolation("frame.id", "is empty"),) == error.fields


@pytest.mark.parametrize("module", ["sluice", "sluice.errors", "sluice.scoring"])
def test_the_kernel_and_its_errors_need_no_grpc(module: str) -> None:
    """A fresh interpreter that imports them has loaded neither grpc nor google.protobuf."""
    program = f"import sys, {module}; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    assert module in loaded
    assert set() == {"grpc", "google.protobuf"} & set(loaded)
