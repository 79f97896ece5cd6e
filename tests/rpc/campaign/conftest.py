"""Fixtures of the tests of the campaign service over gRPC."""

from __future__ import annotations

import grpc
import pytest

from tests.rpc.campaign.api import ApiClient


@pytest.fixture
async def api(admin: grpc.aio.Channel, project: str) -> ApiClient:
    """The services with the admin's key; there is a project `p` with a dataset `d`."""
    api = ApiClient(admin)
    await api.create_dataset()
    return api
