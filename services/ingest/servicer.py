"""The ingest service over gRPC: protobuf to domain and back, nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from grpc import aio

from services.ingest import messages
from services.ingest.context import Ingest
from services.ingest.funnel import read_funnel
from services.ingest.records import Review
from services.ingest.samples import ReviewOrder, get_sample, list_samples, review
from services.ingest.submit import SessionId, start, submit
from services.platform.draining import Draining
from services.platform.pages import Pages
from sluice import errors
from sluice.names import CampaignName, SampleName
from sluice.v1 import ingest_pb2 as pb
from sluice.v1 import ingest_pb2_grpc as grpc_pb


class IngestServicer(grpc_pb.IngestServiceServicer):
    """Submit, the funnel and the samples. `wake` tells the projector which project has work."""

    def __init__(
        self,
        ingest: Ingest,
        draining: Draining,
        wake: Callable[[str], None],
        max_in_flight: int,
    ) -> None:
        self._ingest = ingest
        self._draining = draining
        self._wake = wake
        self._max_in_flight = max_in_flight

    async def Submit(
        self, request_iterator: AsyncIterator[pb.SubmitRequest], context: aio.ServicerContext
    ) -> AsyncIterator[pb.SubmitResponse]:
        """Start the session, then answer each batch in turn."""
        requests = self._draining.until_drained(request_iterator)
        session = messages.session(await anext(requests, pb.SubmitRequest()))
        started = pb.SubmitStarted(
            max_in_flight=self._max_in_flight, next_seq=await start(self._ingest, session)
        )
        yield pb.SubmitResponse(started=started)
        async for request in requests:
            yield pb.SubmitResponse(result=await self._answer(session, request))

    async def _answer(self, session: SessionId, request: pb.SubmitRequest) -> pb.BatchResult:
        delivery = messages.delivery(request)
        try:
            result = messages.batch_result(await submit(self._ingest, session, delivery))
        except errors.SluiceError as error:
            return messages.refused(delivery.seq, error)
        self._wake(session.project)
        return result
