"""Reading reviews from the ingest service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import grpc
import numpy as np

from services.peers.campaign import CHANNEL_OPTIONS
from services.peers.reviews import ReviewedSample, ReviewsPage
from sluice.errors import SluiceError, Unavailable
from sluice.limits import DIMENSION_MIN, MESSAGE_BYTES_MAX
from sluice.names import CampaignName
from sluice.rpc_errors import from_rpc_error
from sluice.tensors import unpack
from sluice.v1 import ingest_pb2 as pb
from sluice.v1.ingest_pb2_grpc import IngestServiceStub

PATIENCE_S: Final = 5.0
"""How long a page may take, the first one with its connection."""

_AWAY: Final = {
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    # An ingest from before there was feedback: its upgrade is under way.
    grpc.StatusCode.UNIMPLEMENTED,
}


@asynccontextmanager
async def connect_reviews(target: str, internal_key: str) -> AsyncIterator[IngestReviews]:
    """Read reviews from the ingest service at a target until left; it need not be there yet."""
    options = [*CHANNEL_OPTIONS, ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX)]
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        yield IngestReviews(channel, internal_key)


class IngestReviews:
    """`Reviews` over gRPC."""

    def __init__(self, channel: grpc.aio.Channel, internal_key: str) -> None:
        self._stub = IngestServiceStub(channel)
        self._metadata = (("authorization", f"Bearer {internal_key}"),)

    async def read(self, campaign: CampaignName) -> AsyncGenerator[ReviewsPage]:
        """See `Reviews.read`."""
        request = pb.ReadReviewsRequest(parent=str(campaign))
        call = self._stub.ReadReviews(request, metadata=self._metadata, wait_for_ready=True)
        try:
            while (response := await _next(call)) is not None:
                yield _page(response)
        finally:
            call.cancel()


async def _next(call: Any) -> pb.ReadReviewsResponse | None:
    """The next response, None after the last."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            response = await call.read()
    except TimeoutError as cause:
        problem = f"the ingest service: no answer in {PATIENCE_S:g} s"
        raise Unavailable(problem, retry_after_s=1) from cause
    except grpc.aio.AioRpcError as error:
        raise _translated(error) from error
    return response if isinstance(response, pb.ReadReviewsResponse) else None


def _page(response: pb.ReadReviewsResponse) -> ReviewsPage:
    samples = [
        ReviewedSample(s.frame_id, s.label_id, s.state == pb.Sample.STATE_ACCEPTED)
        for s in response.samples
    ]
    if not samples:
        return ReviewsPage([], np.empty((0, DIMENSION_MIN), np.float32))
    return ReviewsPage(samples, unpack(response.embeddings, "embeddings"))


def _translated(error: grpc.aio.AioRpcError) -> SluiceError:
    if error.code() in _AWAY:
        return Unavailable(f"the ingest service: {error.details()}", retry_after_s=1)
    return from_rpc_error(error)
