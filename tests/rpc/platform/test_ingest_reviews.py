"""Reading reviews over gRPC from an ingest service that is away, old, or breaks off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import numpy as np
import pytest

from deploy.local.process import free_port
from services.peers.ingest import connect_reviews
from services.peers.reviews import ReviewedSample
from services.server.interceptors import RaiseStatus
from sluice import errors
from sluice.names import CampaignName
from sluice.tensors import pack
from sluice.v1 import ingest_pb2 as pb
from sluice.v1.ingest_pb2_grpc import IngestServiceServicer, add_IngestServiceServicer_to_server

KEY = "the internal key"
CAMPAIGN = CampaignName("p", "c")
ROWS = np.eye(3, 4, dtype=np.float32)

Pages = Callable[[], AsyncIterator[pb.ReadReviewsResponse]]


class Ingest(IngestServiceServicer):
    """An ingest service that has those pages."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def ReadReviews(  # noqa: D102, N802
        self, request: pb.ReadReviewsRequest, context: Any
    ) -> AsyncIterator[pb.ReadReviewsResponse]:
        assert ("authorization", f"Bearer {KEY}") in context.invocation_metadata()
        assert str(CAMPAIGN) == request.parent
        async for page in self._pages():
            yield page


def page(*said: tuple[str, str, pb.Sample.State]) -> pb.ReadReviewsResponse:
    """A page of samples, with one of `ROWS` each."""
    samples = [
        pb.ReviewedSample(frame_id=frame_id, label_id=label_id, state=state)
        for frame_id, label_id, state in said
    ]
    return pb.ReadReviewsResponse(
        samples=samples, embeddings=pack(ROWS[: len(said)]) if said else None
    )


async def two_pages() -> AsyncIterator[pb.ReadReviewsResponse]:
    """Two pages, and an empty one."""
    yield page(("a", "", pb.Sample.STATE_ACCEPTED), ("b", "l", pb.Sample.STATE_DISCARDED))
    yield page()
    yield page(("c", "", pb.Sample.STATE_DISCARDED))


async def breaks_off() -> AsyncIterator[pb.ReadReviewsResponse]:
    """A page, and then the server is about to stop."""
    yield page(("a", "", pb.Sample.STATE_ACCEPTED))
    raise errors.Unavailable("the server is stopping", retry_after_s=1)


async def never_ends() -> AsyncIterator[pb.ReadReviewsResponse]:
    """A page, and then nothing more."""
    yield page(("a", "", pb.Sample.STATE_ACCEPTED))
    await asyncio.Event().wait()


async def loses() -> AsyncIterator[pb.ReadReviewsResponse]:
    """A vector is lost, after a page of others."""
    yield page(("b", "", pb.Sample.STATE_ACCEPTED))
    raise errors.DataLoss("a: its vector is lost", metadata={"frame_id": "a"})


@asynccontextmanager
async def serving(pages: Pages | None) -> AsyncIterator[int]:
    """The port of a server with those pages; without pages it knows no method at all."""
    server = grpc.aio.server(interceptors=[RaiseStatus()])
    if pages is not None:
        ingest = Ingest(pages)  # type: ignore[abstract]  # what no test calls is left out
        add_IngestServiceServicer_to_server(ingest, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


async def read(port: int) -> list[tuple[ReviewedSample, tuple[float, ...]]]:
    """All samples with their vectors."""
    async with connect_reviews(f"127.0.0.1:{port}", KEY) as reviews:
        return [
            (sample, tuple(vector.tolist()))
            async for found in reviews.read(CAMPAIGN)
            for sample, vector in zip(found.samples, found.vectors, strict=True)
        ]


async def test_all_pages_are_read() -> None:
    """Each sample comes with its review, its crop and its vector."""
    async with serving(two_pages) as port:
        found = await read(port)

    assert [
        (ReviewedSample("a", "", accepted=True), (1, 0, 0, 0)),
        (ReviewedSample("b", "l", accepted=False), (0, 1, 0, 0)),
        (ReviewedSample("c", "", accepted=False), (1, 0, 0, 0)),
    ] == found


@pytest.mark.parametrize("pages", [None, breaks_off, never_ends], ids=["old", "stops", "silent"])
async def test_what_does_not_end_well_is_unavailable(
    pages: Pages | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that stops, falls silent, or does not know the method, can be tried again later."""
    monkeypatch.setattr("services.peers.ingest.PATIENCE_S", 0.5)
    async with serving(pages) as port:
        with pytest.raises(errors.Unavailable) as raised:
            await read(port)

    assert 1 == raised.value.retry_after_s


async def test_an_ingest_that_is_away_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody listens, the caller hears so once patience is over."""
    monkeypatch.setattr("services.peers.ingest.PATIENCE_S", 0.2)
    with pytest.raises(errors.Unavailable, match=r"the ingest service: no answer in 0\.2 s"):
        await read(free_port())


async def test_what_is_lost_is_said() -> None:
    """A refusal of the ingest service is the same error here."""
    async with serving(loses) as port:
        with pytest.raises(errors.DataLoss) as raised:
            await read(port)

    assert {"frame_id": "a"} == raised.value.metadata
