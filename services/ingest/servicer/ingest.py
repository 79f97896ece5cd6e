"""IngestService over gRPC: converts between protobuf and domain types, nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from services.doctor import messages as finding_messages
from services.ingest.arrivals import group_arrivals
from services.ingest.batch import Delivery
from services.ingest.campaign_purge import purge_campaign
from services.ingest.context import Ingest
from services.ingest.deletion import delete_samples, purge_frames
from services.ingest.doctor.diagnose import diagnose
from services.ingest.funnel import read_funnel
from services.ingest.project_purge import purge_project
from services.ingest.read_reviews import read_reviews
from services.ingest.records import Review
from services.ingest.review_samples import review_samples
from services.ingest.samples import get_sample, list_samples
from services.ingest.servicer import messages
from services.ingest.submit import SessionId, start, submit, submit_group
from services.peers import deletion_messages
from services.records.pages import read_page
from services.server.draining import Draining
from sluice import errors
from sluice.names import CampaignName, ProjectName, SampleName
from sluice.v1 import deletion_pb2, finding_pb2
from sluice.v1 import ingest_pb2 as pb
from sluice.v1 import ingest_pb2_grpc as grpc_pb

GROUP_BYTES_MAX: Final = 2**20
"""Total size of batches read ahead, besides the first: small batches share a transaction."""


class IngestServicer(grpc_pb.IngestServiceServicer):
    """Submit, the funnel and the samples; `wake` starts the projector's next round."""

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
        """Start the session, then return the outcome of each batch in turn."""
        requests = self._draining.until(request_iterator)
        session = messages.session(await anext(requests, pb.SubmitRequest()))
        next_seq = await start(self._ingest, session)
        started = pb.SubmitStarted(max_in_flight=self._max_in_flight, next_seq=next_seq)
        yield pb.SubmitResponse(started=started)
        groups = group_arrivals(
            requests,
            count_max=self._max_in_flight,
            size_max=GROUP_BYTES_MAX,
            size_of=pb.SubmitRequest.ByteSize,
        )
        async for group in groups:
            for result in await self._submit_group(session, next_seq, group):
                if result.HasField("verdicts"):
                    next_seq = result.seq + 1
                yield pb.SubmitResponse(result=result)

    async def _submit_group(
        self, session: SessionId, next_seq: int, requests: Sequence[pb.SubmitRequest]
    ) -> list[pb.BatchResult]:
        """Submit batches together if their numbers are consecutive, as usual; else one by one."""
        deliveries = list(map(messages.delivery, requests))
        seqs = [delivery.seq for delivery in deliveries]
        if seqs == list(range(next_seq, next_seq + len(deliveries))):
            with suppress(errors.SluiceError):
                outcomes = await submit_group(self._ingest, session, deliveries)
                self._wake()
                return list(map(messages.batch_result, outcomes))
        return [await self._submit_one(session, delivery) for delivery in deliveries]

    async def _submit_one(self, session: SessionId, delivery: Delivery) -> pb.BatchResult:
        try:
            outcome = await submit(self._ingest, session, delivery)
        except errors.SluiceError as error:
            return messages.error_result(delivery.seq, error)
        self._wake()
        return messages.batch_result(outcome)

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
        sample_filter = messages.sample_filter(request)
        page = read_page(
            request.page_size, request.page_token, "samples", request.parent, str(sample_filter)
        )
        campaign = CampaignName.parse(request.parent, "parent")
        samples, after = await list_samples(
            self._ingest, campaign, sample_filter, after=page.after, limit=page.size
        )
        return pb.ListSamplesResponse(
            samples=map(messages.sample, samples),
            next_page_token=page.token(after) if after else "",
        )

    async def AcceptSamples(
        self, request: pb.AcceptSamplesRequest, context: Any
    ) -> pb.AcceptSamplesResponse:
        """Mark samples as accepted."""
        review = messages.review_request(request, Review.ACCEPTED)
        return pb.AcceptSamplesResponse(changed_count=await review_samples(self._ingest, review))

    async def DiscardSamples(
        self, request: pb.DiscardSamplesRequest, context: Any
    ) -> pb.DiscardSamplesResponse:
        """Mark samples as discarded."""
        review = messages.review_request(request, Review.DISCARDED)
        return pb.DiscardSamplesResponse(changed_count=await review_samples(self._ingest, review))

    async def RestoreSamples(
        self, request: pb.RestoreSamplesRequest, context: Any
    ) -> pb.RestoreSamplesResponse:
        """Mark samples as unsorted again."""
        review = messages.review_request(request, Review.UNSORTED)
        return pb.RestoreSamplesResponse(changed_count=await review_samples(self._ingest, review))

    async def ReadReviews(
        self, request: pb.ReadReviewsRequest, context: Any
    ) -> AsyncIterator[pb.ReadReviewsResponse]:
        """Send all accepted and discarded samples, page by page."""
        campaign = CampaignName.parse(request.parent, "parent")
        async for page in self._draining.until(read_reviews(self._ingest, campaign)):
            yield messages.reviews(page)

    async def DeleteSamples(
        self, request: pb.DeleteSamplesRequest, context: Any
    ) -> deletion_pb2.DeletionSummary:
        """Delete samples of a campaign."""
        counts = await delete_samples(
            self._ingest,
            CampaignName.parse(request.parent, "parent"),
            request.frame_ids,
            validate_only=request.validate_only,
        )
        return deletion_messages.summary(counts, validate_only=request.validate_only)

    async def PurgeFrames(
        self, request: deletion_pb2.PurgeFramesRequest, context: Any
    ) -> deletion_pb2.DeletionSummary:
        """Remove all copies of frames."""
        counts = await purge_frames(
            self._ingest,
            ProjectName.parse(request.parent, "parent"),
            request.frame_ids,
            validate_only=request.validate_only,
        )
        return deletion_messages.summary(counts, validate_only=request.validate_only)

    async def PurgeCampaign(
        self, request: pb.PurgeCampaignRequest, context: Any
    ) -> deletion_pb2.DeletionSummary:
        """Remove all matches of a campaign."""
        name = CampaignName.parse(request.name)
        counts = await purge_campaign(self._ingest, name, validate_only=request.validate_only)
        return deletion_messages.summary(counts, validate_only=request.validate_only)

    async def PurgeProject(
        self, request: deletion_pb2.PurgeProjectRequest, context: Any
    ) -> deletion_pb2.DeletionSummary:
        """Stop looking for work in a project."""
        name, validate_only = ProjectName.parse(request.name), request.validate_only
        counts = await purge_project(self._ingest, name, validate_only=validate_only)
        return deletion_messages.summary(counts, validate_only=validate_only)

    async def DiagnoseProject(
        self, request: finding_pb2.DiagnoseProjectRequest, context: Any
    ) -> AsyncIterator[finding_pb2.DiagnoseProjectResponse]:
        """Compare rows, counters, outbox and samples of a project, and repair them on request."""
        events = diagnose(self._ingest, ProjectName.parse(request.name), repair=request.repair)
        async for event in self._draining.until(events):
            yield finding_messages.response(event)
