"""A running campaign, a logger that submits to it, and samples."""

from __future__ import annotations

import grpc
import pytest

from sluice.v1 import campaign_pb2
from tests.rpc.ingest.logger import Logger

FRAMES = [f"h{index}" for index in range(7)]


@pytest.fixture
async def logger(admin: grpc.aio.Channel, project: str) -> Logger:
    """A logger of the project `p`, with one campaign of elements near the first axis."""
    logger = Logger(admin)
    await logger.start_campaign()
    return logger


@pytest.fixture
async def collected(logger: Logger) -> Logger:
    """The logger, with seven samples, the last two of version 2."""
    await logger.submit(*FRAMES[:5])
    await logger.add("hard3")
    await logger.campaigns.CommitVersion(campaign_pb2.CommitVersionRequest(parent=logger.campaign))
    await wait_for_version(logger, 2)
    await logger.submit(*FRAMES[5:])
    await logger.settled()
    return logger


async def wait_for_version(logger: Logger, number: int) -> None:
    """Wait until the scorer uses a version."""
    while (await logger.score(["x"])).versions[0].version != number:
        pass
