"""Rounds and predictions as messages, and back."""

from __future__ import annotations

from services.curation.rounds.predictions import FramePredictions, ScoredLabel
from services.curation.rounds.rounds import Evaluation, RoundSummary
from services.curation.servicer.common_messages import timestamp
from services.curation.servicer.filter_messages import SPLIT_NUMBERS
from sluice.labels import Label
from sluice.names import DatasetName, RoundName
from sluice.v1 import round_pb2 as pb


def read_frame_predictions(index: int, message: pb.PredictedFrame) -> FramePredictions:
    """The predictions in the frame with that index in the request."""
    path = f"frames[{index}].predictions"
    return FramePredictions(
        message.frame_id,
        tuple(
            ScoredLabel(
                Label.from_proto(prediction.label, f"{path}[{number}].label"), prediction.score
            )
            for number, prediction in enumerate(message.predictions)
        ),
    )


def round_(name: DatasetName, summary: RoundSummary) -> pb.Round:
    """A round of that dataset."""
    record = summary.round
    return pb.Round(
        name=str(RoundName(name.project, name.dataset, record.id)),
        display_name=record.display_name,
        metric_split=SPLIT_NUMBERS[record.metric_split],
        predicted_count=summary.predicted_count,
        metric=_evaluation(record.metric),
        mined=_evaluation(record.mined),
        create_time=timestamp(record.created_us),
    )


def _evaluation(record: Evaluation | None) -> pb.Evaluation | None:
    if record is None:
        return None
    return pb.Evaluation(
        split=SPLIT_NUMBERS[record.split],
        frames=record.frames,
        frames_without_predictions=record.without_predictions,
        right=record.right,
        confused=record.confused,
        missed=record.missed,
        spurious=record.spurious,
        ignored=record.ignored,
        failed_frames=record.failed_frames,
    )
