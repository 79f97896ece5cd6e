"""Reviews of samples, read from the ingest service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import numpy as np

from services.peers.channel import REQUEST_TIMEOUT_S, PeerChannel, connect_peer
from services.peers.reviews import ReviewedSample, ReviewsPage
from sluice.limits import DIMENSION_MIN
from sluice.names import CampaignName
from sluice.tensors import unpack
from sluice.v1 import ingest_pb2 as pb
from sluice.v1.ingest_pb2_grpc import IngestServiceStub


@asynccontextmanager
async def connect_reviews(
    target: str, internal_key: str, *, page_timeout_s: float = REQUEST_TIMEOUT_S
) -> AsyncIterator[IngestReviews]:
    """Read reviews from the ingest service at a gRPC target, which need not be up yet."""
    async with connect_peer("ingest", target, internal_key, timeout_s=page_timeout_s) as peer:
        yield IngestReviews(peer)


class IngestReviews:
    """`Reviews` over gRPC."""

    def __init__(self, peer: PeerChannel) -> None:
        self._peer = peer
        self._stub = IngestServiceStub(peer.channel)

    async def read(self, campaign: CampaignName) -> AsyncGenerator[ReviewsPage]:
        """See `Reviews.read`."""
        request = pb.ReadReviewsRequest(parent=str(campaign))
        call = self._stub.ReadReviews(request, metadata=self._peer.metadata, wait_for_ready=True)
        try:
            while (response := await self._read_response(call)) is not None:
                yield _to_page(response)
        finally:
            call.cancel()

    async def _read_response(self, call: Any) -> pb.ReadReviewsResponse | None:
        """The next response, None after the last."""
        try:
            async with asyncio.timeout(self._peer.timeout_s):
                response = await call.read()
        except TimeoutError as cause:
            raise self._peer.unavailable(f"no answer in {self._peer.timeout_s:g} s") from cause
        except grpc.aio.AioRpcError as error:
            raise self._peer.translate(error) from error
        return response if isinstance(response, pb.ReadReviewsResponse) else None


def _to_page(response: pb.ReadReviewsResponse) -> ReviewsPage:
    samples = [
        ReviewedSample(s.frame_id, s.label_id, s.state == pb.Sample.STATE_ACCEPTED)
        for s in response.samples
    ]
    if not samples:
        return ReviewsPage([], np.empty((0, DIMENSION_MIN), np.float32))
    return ReviewsPage(samples, unpack(response.embeddings, "embeddings"))
