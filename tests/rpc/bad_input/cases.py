"""Cases of invalid requests, and the checks that each of them must pass."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from sluice import errors, rpc_errors
from sluice.v1 import campaign_pb2, issue_pb2
from tests.proto_comments import read_comments
from tests.rpc.ingest.logger import Logger

_PROMISED = re.compile(r"metadata `(\w+)`(?!, (?:if|unless))")
METADATA = {
    path.rpartition("ERROR_REASON_")[2]: set(_PROMISED.findall(comment))
    for path, comment in read_comments().items()
    if path.startswith("ErrorReason.")
}
"""The metadata that every error of a reason has, as its comment says."""


@dataclass(frozen=True, slots=True)
class Case:
    """A change that makes a valid request invalid, and the error that it must give."""

    what: str
    spoil: Callable[[Any], object]
    reason: str
    field: str
    """The field that BadRequest names; without a BadRequest, the message must start with it."""

    says: str
    """Another part of the message: the value, or what is accepted."""

    error: type[errors.SluiceError] = errors.InvalidArgument

    def check(self, error: errors.SluiceError) -> None:
        """Assert that the error has the class, reason, field and value."""
        assert (self.error, self.reason) == (type(error), error.reason), error
        named = error.fields[0].field if error.fields else error.message[: len(self.field)]
        assert self.field == named, error
        assert self.says in error.message
        assert METADATA[self.reason] <= error.metadata.keys()
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
        messages = (await logger.funnel(), issue, campaign)
        return tuple(message.SerializeToString(deterministic=True) for message in messages)

    before = await state()
    yield
    assert before == await state()
