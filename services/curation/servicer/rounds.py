"""RoundService over gRPC."""

from __future__ import annotations

from typing import Any

from services.curation.context import Curation
from services.curation.golden.matching import IOU_MIN
from services.curation.rounds.mining import mine_failures
from services.curation.rounds.outcomes import MatchRule
from services.curation.rounds.predictions import FramePredictions, ScoredLabel, import_predictions
from services.curation.rounds.rounds import create_round, dataset_of, get_round, list_rounds
from services.curation.servicer import messages
from services.records.idempotency import IdempotentRequest
from services.records.pages import read_page
from sluice.labels import Label
from sluice.names import DatasetName, RoundName
from sluice.v1 import round_pb2 as pb
from sluice.v1.round_pb2_grpc import RoundServiceServicer


class RoundServicer(RoundServiceServicer):
    """The rounds of datasets."""

    def __init__(self, curation: Curation) -> None:
        self._curation = curation

    async def CreateRound(self, request: pb.CreateRoundRequest, context: Any) -> pb.Round:
        """Create a round."""
        parent = DatasetName.parse(request.parent, "parent")
        made = await create_round(
            self._curation,
            IdempotentRequest.of("CreateRound", request.request_id, messages.asked(request)),
            RoundName(parent.project, parent.dataset, request.round_id),
            request.round.display_name,
            messages.read_split(request.round.metric_split, "round.metric_split"),
        )
        return messages.round_(parent, made)

    async def GetRound(self, request: pb.GetRoundRequest, context: Any) -> pb.Round:
        """Read one round."""
        name = RoundName.parse(request.name)
        return messages.round_(dataset_of(name), await get_round(self._curation, name))

    async def ListRounds(
        self, request: pb.ListRoundsRequest, context: Any
    ) -> pb.ListRoundsResponse:
        """List the rounds of a dataset."""
        parent = DatasetName.parse(request.parent, "parent")
        page = read_page(request.page_size, request.page_token, "ListRounds", request.parent)
        found, token = await list_rounds(self._curation, parent, page)
        rounds = [messages.round_(parent, each) for each in found]
        return pb.ListRoundsResponse(rounds=rounds, next_page_token=token)

    async def ImportPredictions(
        self, request: pb.ImportPredictionsRequest, context: Any
    ) -> pb.ImportPredictionsResponse:
        """Import predictions."""
        name = RoundName.parse(request.round, "round")
        frames = [_predicted(index, frame) for index, frame in enumerate(request.frames)]
        made = await import_predictions(self._curation, name, frames)
        return pb.ImportPredictionsResponse(
            added_count=made.added_count,
            replaced_count=made.replaced_count,
            unchanged_count=made.unchanged_count,
        )

    async def MineFailures(self, request: pb.MineFailuresRequest, context: Any) -> pb.Round:
        """Measure one split, and tag the failures of another."""
        name = RoundName.parse(request.round, "round")
        split = messages.read_split(request.split, "split")
        iou_min = request.iou_min if request.HasField("iou_min") else IOU_MIN
        rule = MatchRule(iou_min, request.score_min)
        mined = await mine_failures(self._curation, name, split, rule)
        return messages.round_(dataset_of(name), mined)


def _predicted(index: int, message: pb.PredictedFrame) -> FramePredictions:
    path = f"frames[{index}].predictions"
    return FramePredictions(
        message.frame_id,
        tuple(
            ScoredLabel(Label.from_proto(each.label, f"{path}[{number}].label"), each.score)
            for number, each in enumerate(message.predictions)
        ),
    )
