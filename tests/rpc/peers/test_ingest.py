"""Reading reviews over gRPC, also from an ingest service that is down, old, or stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest

from deploy.local.process import free_port
from services.peers.ingest import connect_reviews
from services.peers.reviews import ReviewedSample
from sluice import errors
from sluice.names import CampaignName
from sluice.tensors import pack
from sluice.v1 import ingest_pb2 as pb
from sluice.v1.ingest_pb2_grpc import IngestServiceServicer, add_IngestServiceServicer_to_server
from tests.rpc.peers.fake_services import KEY, AddServicer, check_key, serve_fake

CAMPAIGN = CampaignName("p", "c")
ROWS = np.eye(3, 4, dtype=np.float32)

Pages = Callable[[], AsyncIterator[pb.ReadReviewsResponse]]


class FakeIngestService(IngestServiceServicer):
    """An ingest service with those pages."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def ReadReviews(  # noqa: D102, N802
        self, request: pb.ReadReviewsRequest, context: Any
    ) -> AsyncIterator[pb.ReadReviewsResponse]:
        check_key(context)
        assert str(CAMPAIGN) == request.parent
        async for page in self._pages():
            yield page


def page(*reviews: tuple[str, str, pb.Sample.State]) -> pb.ReadReviewsResponse:
    """A page of samples, with one of `ROWS` each."""
    samples = [
        pb.ReviewedSample(frame_id=frame_id, label_id=label_id, state=state)
        for frame_id, label_id, state in reviews
    ]
    return pb.ReadReviewsResponse(
        samples=samples, embeddings=pack(ROWS[: len(reviews)]) if reviews else None
    )


async def two_pages() -> AsyncIterator[pb.ReadReviewsResponse]:
    """Two pages, and an empty one."""
    yield page(("a", "", pb.Sample.STATE_ACCEPTED), ("b", "l", pb.Sample.STATE_DISCARDED))
    yield page()
    yield page(("c", "", pb.Sample.STATE_DISCARDED))


async def stops() -> AsyncIterator[pb.ReadReviewsResponse]:
    """A page, and then the server is about to stop."""
    yield page(("a", "", pb.Sample.STATE_ACCEPTED))
    raise errors.Unavailable("the server is stopping", retry_after_s=1)


async def stalls() -> AsyncIterator[pb.ReadReviewsResponse]:
    """A page, and then nothing more."""
    yield page(("a", "", pb.Sample.STATE_ACCEPTED))
    await asyncio.Event().wait()


async def loses_a_vector() -> AsyncIterator[pb.ReadReviewsResponse]:
    """A vector is lost, after a page of others."""
    yield page(("b", "", pb.Sample.STATE_ACCEPTED))
    raise errors.DataLoss("a: its vector is lost", metadata={"frame_id": "a"})


def servicers(pages: Pages | None) -> list[tuple[AddServicer, Any]]:
    """An ingest service with those pages; none for a server that lacks the method."""
    if pages is None:
        return []
    service = FakeIngestService(pages)  # type: ignore[abstract]  # methods that no test calls
    return [(add_IngestServiceServicer_to_server, service)]


async def read_reviews(
    target: str, *, page_timeout_s: float = 5
) -> list[tuple[ReviewedSample, tuple[float, ...]]]:
    """All samples with their vectors."""
    async with connect_reviews(target, KEY, page_timeout_s=page_timeout_s) as reviews:
        return [
            (sample, tuple(vector.tolist()))
            async for page in reviews.read(CAMPAIGN)
            for sample, vector in zip(page.samples, page.vectors, strict=True)
        ]


async def test_all_pages_are_read() -> None:
    """Each sample comes with its review, its crop and its vector."""
    async with serve_fake(*servicers(two_pages)) as target:
        reviews = await read_reviews(target)

    assert [
        (ReviewedSample("a", "", accepted=True), (1, 0, 0, 0)),
        (ReviewedSample("b", "l", accepted=False), (0, 1, 0, 0)),
        (ReviewedSample("c", "", accepted=False), (1, 0, 0, 0)),
    ] == reviews


@pytest.mark.parametrize("pages", [None, stops, stalls], ids=["old", "stops", "stalls"])
async def test_an_interrupted_read_is_unavailable(pages: Pages | None) -> None:
    """A server that stops, stalls, or is of an older release, can be tried again later."""
    async with serve_fake(*servicers(pages)) as target:
        with pytest.raises(errors.Unavailable) as raised:
            await read_reviews(target, page_timeout_s=0.5)

    assert 1 == raised.value.retry_after_s


async def test_an_ingest_that_is_down_is_unavailable() -> None:
    """Without a server, the read fails after the timeout of a page."""
    with pytest.raises(errors.Unavailable, match=r"the ingest service: no answer in 0\.2 s"):
        await read_reviews(f"127.0.0.1:{free_port()}", page_timeout_s=0.2)


async def test_an_error_of_the_service_keeps_its_class() -> None:
    """DataLoss of the ingest service is DataLoss for the caller, with its metadata."""
    async with serve_fake(*servicers(loses_a_vector)) as target:
        with pytest.raises(errors.DataLoss) as raised:
            await read_reviews(target)

    assert {"frame_id": "a"} == raised.value.metadata
