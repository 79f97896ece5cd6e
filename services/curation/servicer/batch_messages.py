"""Batches as messages, and back."""

from __future__ import annotations

from services.curation.batches.records import (
    COVERAGE_SHARE,
    Batch,
    BatchState,
    CreateBatchSpec,
    RoundFailures,
    StoredPick,
)
from services.curation.selection.budget import BUDGET
from services.curation.selection.pool import CoverageMethod, PickSource, TargetedMethod
from services.curation.selection.zcore import DRAWS
from services.curation.servicer.messages import timestamp
from services.curation.zcore.stored_scores import FIELD
from sluice.errors import InvalidArgument
from sluice.names import BatchName, DatasetName
from sluice.v1 import batch_pb2 as pb

_COVERAGE = {
    pb.Batch.COVERAGE_UNSPECIFIED: CoverageMethod.FACILITY,
    pb.Batch.COVERAGE_FACILITY: CoverageMethod.FACILITY,
    pb.Batch.COVERAGE_K_CENTER: CoverageMethod.K_CENTER,
    pb.Batch.COVERAGE_ZCORE: CoverageMethod.ZCORE,
}
_COVERAGE_NUMBERS = {method: number for number, method in _COVERAGE.items()}
_TARGETED = {
    pb.Batch.TARGETED_UNSPECIFIED: TargetedMethod.JOINT,
    pb.Batch.TARGETED_JOINT: TargetedMethod.JOINT,
    pb.Batch.TARGETED_NEIGHBOURS: TargetedMethod.NEIGHBOURS,
}
_TARGETED_NUMBERS = {method: number for number, method in _TARGETED.items()}
_STATES = {
    BatchState.SELECTING: pb.Batch.STATE_SELECTING,
    BatchState.READY: pb.Batch.STATE_READY,
}
_SOURCES = {
    PickSource.COVERAGE: pb.Pick.SOURCE_COVERAGE,
    PickSource.TARGETED: pb.Pick.SOURCE_TARGETED,
}


def read_wanted(message: pb.Batch) -> CreateBatchSpec:
    """What a message asks for, not checked further than that its methods are some."""
    return CreateBatchSpec(
        model_id=message.model_id,
        count=message.count if message.HasField("count") else None,
        fraction=message.fraction if message.HasField("fraction") else BUDGET,
        coverage_share=message.coverage_share
        if message.HasField("coverage_share")
        else COVERAGE_SHARE,
        coverage=_coverage(message.coverage),
        targeted=_targeted(message.targeted),
        seed=message.seed,
        failures=tuple(
            RoundFailures(round=each.round, weight=each.weight if each.HasField("weight") else 1.0)
            for each in message.failures
        ),
        scene_field=message.scene_field,
        zcore_draws=message.zcore_draws or DRAWS,
        zcore_field=message.zcore_field or FIELD,
        golden_override=message.golden_override,
    )


def batch(name: DatasetName, record: Batch) -> pb.Batch:
    """A batch of that dataset."""
    wanted = record.spec
    return pb.Batch(
        name=str(BatchName(name.project, name.dataset, record.id)),
        model_id=record.model_id,
        count=wanted.count,
        fraction=wanted.fraction if wanted.count is None else None,
        coverage_share=wanted.coverage_share,
        coverage=_COVERAGE_NUMBERS[wanted.coverage],
        targeted=_TARGETED_NUMBERS[wanted.targeted],
        seed=wanted.seed,
        failures=[
            pb.Batch.Failures(round=each.round, weight=each.weight) for each in wanted.failures
        ],
        scene_field=wanted.scene_field,
        zcore_draws=wanted.zcore_draws,
        zcore_field=wanted.zcore_field,
        golden_override=wanted.golden_override,
        state=_STATES[record.state],
        remaining_count=record.remaining,
        size=record.size,
        coverage_count=record.coverage_count,
        targeted_count=record.targeted_count,
        notes=record.notes,
        golden_problem=record.golden_problem,
        create_time=timestamp(record.created_us),
    )


def pick(record: StoredPick) -> pb.Pick:
    """A pick."""
    return pb.Pick(
        rank=record.rank,
        group=record.group,
        frame_ids=record.frames,
        source=_SOURCES[record.source],
        gain=record.gain,
        failure_frame_id=record.failure,
    )


def _coverage(number: pb.Batch.Coverage) -> CoverageMethod:
    if number not in _COVERAGE:
        accepted = ", ".join(f"COVERAGE_{method.name}" for method in CoverageMethod)
        raise InvalidArgument.of("batch.coverage", f"{number} is none of {accepted}")
    return _COVERAGE[number]


def _targeted(number: pb.Batch.Targeted) -> TargetedMethod:
    if number not in _TARGETED:
        accepted = ", ".join(f"TARGETED_{method.name}" for method in TargetedMethod)
        raise InvalidArgument.of("batch.targeted", f"{number} is none of {accepted}")
    return _TARGETED[number]
