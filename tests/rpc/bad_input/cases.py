"""What a case of bad input is, and how it is held to its promise."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from sluice import errors, rpc_errors
from sluice.v1 import campaign_pb2, issue_pb2
from tests.rpc.ingest.logger import Logger


@dataclass(frozen=True, slots=True)
class Case:
    """What is done to a right request, and what its answer must be: class, reason, names."""

    what: str
    spoil: Callable[[Any], object]
    reason: str
    field: str
    """The field that BadRequest names; where the class has none, the message must begin with it."""

    says: str
    """What the message must name besides: the value, and what would be accepted."""

    error: type[errors.SluiceError] = errors.InvalidArgument

    def check(self, error: errors.SluiceError) -> None:
        """The answer is of the class, has the reason, and names field and value."""
        assert (self.error, self.reason) == (type(error), error.reason), error
        named = error.fields[0].field if error.fields else error.message[: len(self.field)]
        assert self.field == named, error
        assert self.says in error.message
        assert ("limit" in error.metadata) == (self.reason == "TOO_LARGE")


async def refused(call: Awaitable[Any]) -> errors.SluiceError:
    """The error that a call fails with."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return rpc_errors.from_rpc_error(raised.value)


@asynccontextmanager
async def nothing_moves(logger: Logger) -> AsyncIterator[None]:
    """Funnel, issue, and campaign with its version are the same before and after."""

    async def state() -> tuple[bytes, ...]:
        issue = await logger.issues.GetIssue(issue_pb2.GetIssueRequest(name=logger.issue))
        campaign = await logger.campaigns.GetCampaign(
            campaign_pb2.GetCampaignRequest(name=logger.campaign)
        )
        found = (await logger.funnel(), issue, campaign)
        return tuple(message.SerializeToString(deterministic=True) for message in found)

    before = await state()
    yield
    assert before == await state()
