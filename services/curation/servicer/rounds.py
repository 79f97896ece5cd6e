"""RoundService over gRPC."""

from __future__ import annotations

from typing import Any

from services.curation.context import Curation
from services.curation.golden.matching import IOU_MIN
from services.curation.resource_deletion import delete_resource
from services.curation.rounds.delete_round import RoundDeletion
from services.curation.rounds.mining import mine_failures
from services.curation.rounds.outcomes import MatchRule
from services.curation.rounds.predictions import import_predictions
from services.curation.rounds.rounds import create_round, dataset_of, get_round, list_rounds
from services.curation.servicer import filter_messages, round_messages
from services.curation.servicer.common_messages import serialise
from services.peers import deletion_messages
from services.records.idempotency import IdempotentRequest
from services.records.pages import read_page
from sluice.names import DatasetName, RoundName
from sluice.v1 import deletion_pb2
from sluice.v1 import round_pb2 as pb
from sluice.v1.round_pb2_grpc import RoundServiceServicer


class RoundServicer(RoundServiceServicer):
    """The rounds of datasets."""

    def __init__(self, curation: Curation) -> None:
        self._curation = curation

    async def CreateRound(self, request: pb.CreateRoundRequest, context: Any) -> pb.Round:
        """Create a round."""
        parent = DatasetName.parse(request.parent, "parent")
        record = await create_round(
            self._curation,
            IdempotentRequest.of("CreateRound", request.request_id, serialise(request)),
            RoundName(parent.project, parent.dataset, request.round_id),
            request.round.display_name,
            filter_messages.read_split(request.round.metric_split, "round.metric_split"),
        )
        return round_messages.round_(parent, record)

    async def GetRound(self, request: pb.GetRoundRequest, context: Any) -> pb.Round:
        """Read one round."""
        name = RoundName.parse(request.name)
        return round_messages.round_(dataset_of(name), await get_round(self._curation, name))

    async def ListRounds(
        self, request: pb.ListRoundsRequest, context: Any
    ) -> pb.ListRoundsResponse:
        """List the rounds of a dataset."""
        parent = DatasetName.parse(request.parent, "parent")
        page = read_page(request.page_size, request.page_token, "ListRounds", request.parent)
        records, token = await list_rounds(self._curation, parent, page)
        rounds = [round_messages.round_(parent, record) for record in records]
        return pb.ListRoundsResponse(rounds=rounds, next_page_token=token)

    async def ImportPredictions(
        self, request: pb.ImportPredictionsRequest, context: Any
    ) -> pb.ImportPredictionsResponse:
        """Import predictions."""
        name = RoundName.parse(request.round, "round")
        frames = [
            round_messages.read_frame_predictions(index, frame)
            for index, frame in enumerate(request.frames)
        ]
        counts = await import_predictions(self._curation, name, frames)
        return pb.ImportPredictionsResponse(
            added_count=counts.added_count,
            replaced_count=counts.replaced_count,
            unchanged_count=counts.unchanged_count,
        )

    async def MineFailures(self, request: pb.MineFailuresRequest, context: Any) -> pb.Round:
        """Measure one split, and tag the failures of another."""
        name = RoundName.parse(request.round, "round")
        split = filter_messages.read_split(request.split, "split")
        iou_min = request.iou_min if request.HasField("iou_min") else IOU_MIN
        rule = MatchRule(iou_min, request.score_min)
        summary = await mine_failures(self._curation, name, split, rule)
        return round_messages.round_(dataset_of(name), summary)

    async def DeleteRound(
        self, request: pb.DeleteRoundRequest, context: Any
    ) -> deletion_pb2.DeletionSummary:
        """Delete it, or say what would be deleted."""
        deletion = RoundDeletion(RoundName.parse(request.name))
        counts = await delete_resource(
            self._curation, deletion, validate_only=request.validate_only
        )
        return deletion_messages.summary(counts, validate_only=request.validate_only)
