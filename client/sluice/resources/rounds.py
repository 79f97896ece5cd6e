"""Rounds: the predictions of a model on the frames of a dataset, and its failures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

import grpc

from sluice.class_names import rename_label
from sluice.labels import Label
from sluice.resources.filters import read_split
from sluice.resources.kinds import ROUND
from sluice.resources.pages import list_items
from sluice.resources.resolver import Resolver
from sluice.rpc_errors import translate
from sluice.v1 import deletion_pb2
from sluice.v1 import round_pb2 as pb
from sluice.v1.round_pb2_grpc import RoundServiceStub


@dataclass(frozen=True, slots=True)
class Prediction:
    """A predicted label, and the model's confidence as a score in 0…1."""

    label: Label
    score: float


@dataclass(frozen=True, slots=True)
class PredictedFrame:
    """All predictions of one frame; none if the model predicted no object."""

    frame_id: str
    predictions: tuple[Prediction, ...] = ()

    def rename_classes(self, class_map: Mapping[str, str]) -> PredictedFrame:
        """The frame with the new names of its predictions' classes."""
        return PredictedFrame(
            self.frame_id,
            tuple(
                Prediction(rename_label(prediction.label, class_map), prediction.score)
                for prediction in self.predictions
            ),
        )

    def to_proto(self) -> pb.PredictedFrame:
        """The predictions as a message."""
        return pb.PredictedFrame(
            frame_id=self.frame_id,
            predictions=[
                pb.PredictedFrame.Prediction(
                    label=prediction.label.to_proto(), score=prediction.score
                )
                for prediction in self.predictions
            ],
        )


class Rounds:
    """Rounds of datasets, found by resource name, `dataset/round`, id or display name."""

    def __init__(self, channel: grpc.Channel, names: Resolver | None = None) -> None:
        self._names = names or Resolver(channel)
        self._stub = RoundServiceStub(channel)

    def create(
        self, dataset: str, round_id: str, *, metric_split: str, display_name: str = ""
    ) -> pb.Round:
        """Create a round; failures are never mined from its metric split."""
        new_round = pb.Round(display_name=display_name, metric_split=read_split(metric_split))
        request = pb.CreateRoundRequest(
            parent=self._names.dataset(dataset),
            round_id=round_id,
            round=new_round,
            request_id=str(uuid4()),
        )
        return translate(self._stub.CreateRound, request)

    def get(self, name: str) -> pb.Round:
        """Read a round, with the metric of its predictions."""
        request = pb.GetRoundRequest(name=self._names.find(ROUND, name))
        return translate(self._stub.GetRound, request)

    def list(self, dataset: str) -> Iterator[pb.Round]:
        """The rounds of a dataset."""
        request = pb.ListRoundsRequest(parent=self._names.dataset(dataset))
        return list_items(self._stub.ListRounds, request, "rounds")

    def delete(self, name: str, *, validate_only: bool = False) -> deletion_pb2.DeletionSummary:
        """Delete a round: its predictions, and the failures that frames have from it.

        Its id is not used again. With `validate_only` nothing is deleted, only counted.
        """
        full_name = self._names.find(ROUND, name, may_be_gone=True)
        request = pb.DeleteRoundRequest(name=full_name, validate_only=validate_only)
        return translate(self._stub.DeleteRound, request)

    def import_predictions(
        self,
        name: str,
        frames: Sequence[PredictedFrame],
        *,
        class_map: Mapping[str, str] | None = None,
    ) -> pb.ImportPredictionsResponse:
        """Import predictions of up to 1,000 frames; earlier predictions are replaced.

        `class_map` gives classes the names that the dataset has, old → new.
        """
        renamed = [frame.rename_classes(class_map or {}) for frame in frames]
        request = pb.ImportPredictionsRequest(
            round=self._names.find(ROUND, name), frames=[frame.to_proto() for frame in renamed]
        )
        return translate(self._stub.ImportPredictions, request)

    def mine_failures(
        self, name: str, split: str, *, iou_min: float | None = None, score_min: float = 0
    ) -> pb.Round:
        """Measure the metric split, and tag the failures in another split with the round."""
        request = pb.MineFailuresRequest(
            round=self._names.find(ROUND, name),
            split=read_split(split),
            iou_min=iou_min,
            score_min=score_min,
        )
        return translate(self._stub.MineFailures, request)
