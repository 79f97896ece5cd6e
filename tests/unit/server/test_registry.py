"""The registry of services: complete, and strict about servicers."""

from __future__ import annotations

from importlib.resources import files

import grpc
import pytest

from services.server.registry import PROTO_FILES, register
from sluice import v1


def test_every_proto_file_with_a_service_is_listed() -> None:
    """Every stub module that defines a service has its proto file in the registry."""
    names = [entry.name for entry in files(v1).iterdir()]
    stubs = {name.removesuffix("_grpc.py") for name in names if name.endswith("_pb2_grpc.py")}

    assert stubs == {file.__name__.rpartition(".")[2] for file in PROTO_FILES}


async def test_another_object_is_not_a_servicer() -> None:
    """An object without a service of the API is refused, naming its type."""
    with pytest.raises(TypeError, match="str is not a servicer"):
        register("text", grpc.aio.server())
