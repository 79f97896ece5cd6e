"""A campaign that runs, and a logger to call wrongly for it."""

from __future__ import annotations

import grpc
import pytest

from tests.rpc.ingest.logger import Logger


@pytest.fixture
async def logger(admin: grpc.aio.Channel, project: str) -> Logger:
    """A logger of the project `p`, where one campaign looks for what is near the first axis."""
    found = Logger(admin)
    await found.start_campaign()
    return found
