"""Computations of ZCore scores as messages, and back."""

from __future__ import annotations

from services.curation.datasets.filters import Filter
from services.curation.selection.zcore import DRAWS, NEIGHBOURS
from services.curation.zcore.apart import Zcore
from services.curation.zcore.compute import Progress, Stage, Wanted
from services.curation.zcore.stored import FIELD
from sluice.v1 import dataset_frame_pb2 as pb

_STAGES = {
    Stage.WAITING: pb.ComputeZcoreResponse.STAGE_WAITING,
    Stage.LISTING: pb.ComputeZcoreResponse.STAGE_LISTING,
    Stage.READING: pb.ComputeZcoreResponse.STAGE_READING,
    Stage.SCORING: pb.ComputeZcoreResponse.STAGE_SCORING,
    Stage.STORING: pb.ComputeZcoreResponse.STAGE_STORING,
    Stage.DONE: pb.ComputeZcoreResponse.STAGE_DONE,
}


def read_wanted(message: pb.ComputeZcoreRequest, frames: Filter) -> Wanted:
    """What a message asks for of these frames, not checked further."""
    settings = Zcore(message.seed, message.draws or DRAWS, message.neighbours or NEIGHBOURS)
    return Wanted(frames, settings, message.field or FIELD)


def progress(record: Progress) -> pb.ComputeZcoreResponse:
    """How far a computation is."""
    return pb.ComputeZcoreResponse(
        stage=_STAGES[record.stage],
        done=record.done,
        total=record.total,
        scored_count=record.scored,
        changed_count=record.changed,
        notes=record.notes,
    )
