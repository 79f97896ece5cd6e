"""ProgressService over gRPC."""

from __future__ import annotations

from typing import Any

from services.curation.context import Curation
from services.curation.progress.advice import GAIN_MIN
from services.curation.progress.overview import ProgressQuery, read_progress
from services.curation.progress.recorded_rounds import (
    list_rounds,
    record_measured_round,
    record_round,
)
from services.curation.servicer import progress_messages as messages
from services.records.pages import read_page
from sluice.names import DatasetName
from sluice.v1 import progress_pb2 as pb
from sluice.v1.progress_pb2_grpc import ProgressServiceServicer


class ProgressServicer(ProgressServiceServicer):
    """The rounds of a dataset, and what they say together."""

    def __init__(self, curation: Curation) -> None:
        self._curation = curation
        self._stores = curation.stores
        self._datasets = curation.others.datasets

    async def RecordRound(
        self, request: pb.RecordRoundRequest, context: Any
    ) -> pb.RecordRoundResponse:
        """Record what a round's model is worth."""
        name = DatasetName.parse(request.dataset, "dataset")
        if request.measured_round:
            wanted = messages.read_measurement(name, request)
            record, added = await record_measured_round(self._curation, name, wanted)
        else:
            samples = messages.read_samples(request)
            record, added = await record_round(self._stores, self._datasets, name, samples)
        return pb.RecordRoundResponse(round=messages.recorded(name, record), added=added)

    async def ListRecordedRounds(
        self, request: pb.ListRecordedRoundsRequest, context: Any
    ) -> pb.ListRecordedRoundsResponse:
        """List the recorded rounds of a dataset by number."""
        parent = DatasetName.parse(request.parent, "parent")
        page = read_page(
            request.page_size, request.page_token, "ListRecordedRounds", request.parent
        )
        found, token = await list_rounds(self._stores, self._datasets, parent, page)
        return pb.ListRecordedRoundsResponse(
            rounds=[messages.recorded(parent, record) for record in found], next_page_token=token
        )

    async def GetProgress(self, request: pb.GetProgressRequest, context: Any) -> pb.DatasetProgress:
        """Read what all rounds say together."""
        name = DatasetName.parse(request.dataset, "dataset")
        wanted = ProgressQuery(
            target=request.target if request.HasField("target") else None,
            gain_min=request.gain_min if request.HasField("gain_min") else GAIN_MIN,
            next_groups=request.next_groups,
        )
        found = await read_progress(self._curation, name, wanted)
        return messages.progress(name, found)
