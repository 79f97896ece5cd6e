"""What the tests of the curation service over gRPC share."""

from __future__ import annotations

import grpc
import pytest

from tests.rpc.curation.api import Api


@pytest.fixture
async def api(admin: grpc.aio.Channel, project: str) -> Api:
    """The services with the admin's key; there is a project `p` with a dataset `d`."""
    api = Api(admin)
    await api.dataset()
    return api
