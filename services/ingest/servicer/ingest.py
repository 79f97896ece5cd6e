"""The ingest service over gRPC: protobuf to domain and back, nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from services.doctor import messages as finding_messages
from services.ingest.arrivals import in_groups
from services.ingest.batch import Delivery
from services.ingest.context import Ingest
from services.ingest.doctor.diagnose import diagnose
from services.ingest.funnel import read_funnel
from services.ingest.records import Review
from services.ingest.reviews import read_reviews
from services.ingest.samples import get_sample, list_samples, review
from services.ingest.servicer import messages
from services.ingest.submit import SessionId, start, submit, submit_next
from services.records.pages import read_page
from services.server.draining import Draining
from sluice import errors
from sluice.names import CampaignName, ProjectName, SampleName
from sluice.v1 import finding_pb2
from sluice.v1 import ingest_pb2 as pb
from sluice.v1 import ingest_pb2_grpc as grpc_pb

GROUP_BYTES_MAX: Final = 2**20
"""How much of a stream is read ahead, beside one batch: small batches share a transaction."""


class IngestServicer(grpc_pb.IngestServiceServicer):
    """Submit, the funnel and the samples. `wake` tells the projector that there is work."""

    def __init__(
        self,
        ingest: Ingest,
        draining: Draining,
        wake: Callable[[], None],
        max_in_flight: int,
    ) -> None:
        self._ingest = ingest
        self._draining = draining
        self._wake = wake
        self._max_in_flight = max_in_flight

    async def Submit(
        self, request_iterator: AsyncIterator[pb.SubmitRequest], context: Any
    ) -> AsyncIterator[pb.SubmitResponse]:
        """Start the session, then answer each batch in turn."""
        requests = self._draining.until(request_iterator)
        session = messages.session(await anext(requests, pb.SubmitRequest()))
        next_seq = await start(self._ingest, session)
        started = pb.SubmitStarted(max_in_flight=self._max_in_flight, next_seq=next_seq)
        yield pb.SubmitResponse(started=started)
        arrived = in_groups(
            requests,
            count_max=self._max_in_flight,
            size_max=GROUP_BYTES_MAX,
            size_of=pb.SubmitRequest.ByteSize,
        )
        async for group in arrived:
            for result in await self._answer(session, next_seq, group):
                if result.HasField("verdicts"):
                    next_seq = result.seq + 1
                yield pb.SubmitResponse(result=result)

    async def _answer(
        self, session: SessionId, next_seq: int, requests: Sequence[pb.SubmitRequest]
    ) -> list[pb.BatchResult]:
        """Answer what has arrived: at once what follows each other, as the rule is, else singly."""
        deliveries = list(map(messages.delivery, requests))
        if [each.seq for each in deliveries] == list(range(next_seq, next_seq + len(deliveries))):
            with suppress(errors.SluiceError):
                answers = await submit_next(self._ingest, session, deliveries)
                self._wake()
                return list(map(messages.batch_result, answers))
        return [await self._answer_one(session, delivery) for delivery in deliveries]

    async def _answer_one(self, session: SessionId, delivery: Delivery) -> pb.BatchResult:
        try:
            answer = await submit(self._ingest, session, delivery)
        except errors.SluiceError as error:
            return messages.refused(delivery.seq, error)
        self._wake()
        return messages.batch_result(answer)

    async def GetFunnel(self, request: pb.GetFunnelRequest, context: Any) -> pb.Funnel:
        """Read the funnel of a campaign."""
        name = CampaignName.parse(request.campaign, "campaign")
        return messages.funnel(
            str(name), await read_funnel(self._ingest, name.project, name.campaign)
        )

    async def GetSample(self, request: pb.GetSampleRequest, context: Any) -> pb.Sample:
        """Read one sample."""
        return messages.sample(await get_sample(self._ingest, SampleName.parse(request.name)))

    async def ListSamples(
        self, request: pb.ListSamplesRequest, context: Any
    ) -> pb.ListSamplesResponse:
        """List a page of samples."""
        selection = messages.selection(request)
        page = read_page(
            request.page_size, request.page_token, "samples", request.parent, str(selection)
        )
        campaign = CampaignName.parse(request.parent, "parent")
        samples, after = await list_samples(
            self._ingest, campaign, selection, after=page.after, limit=page.size
        )
        return pb.ListSamplesResponse(
            samples=map(messages.sample, samples),
            next_page_token=page.token(after) if after else "",
        )

    async def AcceptSamples(
        self, request: pb.AcceptSamplesRequest, context: Any
    ) -> pb.AcceptSamplesResponse:
        """Mark samples as what the campaign looks for."""
        order = messages.review_order(request, Review.ACCEPTED)
        return pb.AcceptSamplesResponse(changed_count=await review(self._ingest, order))

    async def DiscardSamples(
        self, request: pb.DiscardSamplesRequest, context: Any
    ) -> pb.DiscardSamplesResponse:
        """Mark samples as not what the campaign looks for."""
        order = messages.review_order(request, Review.DISCARDED)
        return pb.DiscardSamplesResponse(changed_count=await review(self._ingest, order))

    async def RestoreSamples(
        self, request: pb.RestoreSamplesRequest, context: Any
    ) -> pb.RestoreSamplesResponse:
        """Take back what was said of samples."""
        order = messages.review_order(request, Review.UNSORTED)
        return pb.RestoreSamplesResponse(changed_count=await review(self._ingest, order))

    async def ReadReviews(
        self, request: pb.ReadReviewsRequest, context: Any
    ) -> AsyncIterator[pb.ReadReviewsResponse]:
        """Send all samples that are accepted or discarded, page by page."""
        campaign = CampaignName.parse(request.parent, "parent")
        async for page in self._draining.until(read_reviews(self._ingest, campaign)):
            yield messages.reviews(page)

    async def DiagnoseProject(
        self, request: finding_pb2.DiagnoseProjectRequest, context: Any
    ) -> AsyncIterator[finding_pb2.DiagnoseProjectResponse]:
        """Compare rows, counters, outbox and samples of a project, and mend them."""
        events = diagnose(self._ingest, ProjectName.parse(request.name), repair=request.repair)
        async for event in self._draining.until(events):
            yield finding_messages.response(event)
