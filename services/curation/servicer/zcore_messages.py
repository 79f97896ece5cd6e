"""Computations of ZCore scores as messages, and back."""

from __future__ import annotations

from services.curation.datasets.filters import Filter
from services.curation.selection.zcore import DRAWS, NEIGHBOURS
from services.curation.zcore.compute import ZcoreProgress, ZcoreRequest, ZcoreStage
from services.curation.zcore.score_process import ZcoreSettings
from services.curation.zcore.stored_scores import FIELD
from sluice.v1 import dataset_frame_pb2 as pb

_STAGES = {
    ZcoreStage.WAITING: pb.ComputeZcoreResponse.STAGE_WAITING,
    ZcoreStage.LISTING: pb.ComputeZcoreResponse.STAGE_LISTING,
    ZcoreStage.READING: pb.ComputeZcoreResponse.STAGE_READING,
    ZcoreStage.SCORING: pb.ComputeZcoreResponse.STAGE_SCORING,
    ZcoreStage.STORING: pb.ComputeZcoreResponse.STAGE_STORING,
    ZcoreStage.DONE: pb.ComputeZcoreResponse.STAGE_DONE,
}


def read_wanted(message: pb.ComputeZcoreRequest, frames: Filter) -> ZcoreRequest:
    """What a message asks for of these frames, not checked further."""
    settings = ZcoreSettings(message.seed, message.draws or DRAWS, message.neighbours or NEIGHBOURS)
    return ZcoreRequest(frames, settings, message.field or FIELD)


def progress(record: ZcoreProgress) -> pb.ComputeZcoreResponse:
    """How far a computation is."""
    return pb.ComputeZcoreResponse(
        stage=_STAGES[record.stage],
        done=record.done,
        total=record.total,
        scored_count=record.scored,
        changed_count=record.changed,
        notes=record.notes,
    )
