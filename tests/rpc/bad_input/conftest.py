"""A logger with a running campaign."""

from __future__ import annotations

import grpc
import pytest

from tests.rpc.ingest.logger import Logger


@pytest.fixture
async def logger(admin: grpc.aio.Channel, project: str) -> Logger:
    """A logger of the project `p`, with one campaign that collects frames near the first axis."""
    logger = Logger(admin)
    await logger.start_campaign()
    return logger
