"""Recorded rounds and the progress of a dataset as messages, and back."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from services.curation.datasets.counts import Counts
from services.curation.golden.matching import IOU_MIN
from services.curation.progress.advice import Advice, Recommendation
from services.curation.progress.failures import FailureCauses
from services.curation.progress.learning_curve import CurveEstimate, LearningCurve
from services.curation.progress.measurement import MeasureRoundSpec
from services.curation.progress.metric import MetricChange, RoundPoint
from services.curation.progress.overview import NextBatchForecast, ProgressOverview, RoundStability
from services.curation.progress.records import (
    JudgedFailure,
    MeasuredFrom,
    RecordedRound,
    RoundSamples,
    SampleSlice,
)
from services.curation.progress.signals import SignalState
from services.curation.progress.target import SliceTarget, TargetCheck, TargetReach
from services.curation.records import Status
from services.curation.rounds.rounds import dataset_of
from services.curation.servicer.common_messages import interval, share, timestamp
from sluice.errors import InvalidArgument
from sluice.names import DatasetName, RoundName
from sluice.v1 import progress_pb2 as pb

_RECOMMENDATIONS: Final = {
    Recommendation.CONTINUE: pb.RECOMMENDATION_CONTINUE,
    Recommendation.CHANGE_COLLECTION: pb.RECOMMENDATION_CHANGE_COLLECTION,
    Recommendation.FIX_LABELS: pb.RECOMMENDATION_FIX_LABELS,
    Recommendation.STOP: pb.RECOMMENDATION_STOP,
}
_STATES: Final = {
    SignalState.YES: pb.SIGNAL_STATE_YES,
    SignalState.NO: pb.SIGNAL_STATE_NO,
    SignalState.UNCLEAR: pb.SIGNAL_STATE_UNCLEAR,
    SignalState.UNDETECTABLE: pb.SIGNAL_STATE_UNDETECTABLE,
    SignalState.NOT_MEASURED: pb.SIGNAL_STATE_NOT_MEASURED,
}
_REACHES: Final = {
    TargetReach.REACHED: pb.TARGET_REACH_REACHED,
    TargetReach.OPEN: pb.TARGET_REACH_OPEN,
    TargetReach.MISSED: pb.TARGET_REACH_MISSED,
    TargetReach.UNDETECTABLE: pb.TARGET_REACH_UNDETECTABLE,
}

_SENT_ONLY: Final = frozenset({"sample_ids", "values", "predictions", "slices"})
_MEASURED_ONLY: Final = frozenset({"iou_min", "score_min", "slice_views"})


def read_samples(message: pb.RecordRoundRequest) -> RoundSamples:
    """The samples in a message, not checked further."""
    _refuse(message, _MEASURED_ONLY, "accepted only with measured_round")
    return RoundSamples(
        round=message.round,
        labelled_groups=message.labelled_groups,
        sample_ids=tuple(message.sample_ids),
        values=tuple(message.values),
        predictions=tuple(message.predictions),
        slices=tuple(SampleSlice(name=s.name, samples=tuple(s.samples)) for s in message.slices),
        failures=_failures(message),
    )


def read_measurement(name: DatasetName, message: pb.RecordRoundRequest) -> MeasureRoundSpec:
    """The specification in a message with a measured round, not checked further."""
    _refuse(message, _SENT_ONLY, "not accepted with measured_round: give either of them")
    measured = RoundName.parse(message.measured_round, "measured_round")
    if dataset_of(measured) != name:
        raise InvalidArgument.of("measured_round", f"expected a round of {name}, got {measured}")
    return MeasureRoundSpec(
        number=message.round,
        round=measured.round,
        iou_min=message.iou_min if message.HasField("iou_min") else IOU_MIN,
        score_min=message.score_min,
        labelled_groups=message.labelled_groups,
        views=tuple(message.slice_views),
        failures=_failures(message),
    )


def _refuse(message: pb.RecordRoundRequest, fields: Collection[str], problem: str) -> None:
    """Refuse the first of those fields that is set."""
    for field, _ in message.ListFields():
        if field.name in fields:
            raise InvalidArgument.of(field.name, problem)


def _failures(message: pb.RecordRoundRequest) -> tuple[JudgedFailure, ...]:
    return tuple(
        JudgedFailure(label=f.label, first=f.first, second=f.second) for f in message.failures
    )


def recorded(name: DatasetName, record: RecordedRound) -> pb.RecordedRound:
    """A recorded round of that dataset."""
    return pb.RecordedRound(
        dataset=str(name),
        round=record.round,
        labelled_groups=record.labelled_groups,
        sample_count=record.sample_count,
        mean=record.mean,
        with_predictions=record.with_predictions,
        slices=record.slices,
        judged_count=record.judged,
        digest=record.samples,
        create_time=timestamp(record.created_us),
        measured_from=None if record.measured_from is None else _origin(name, record.measured_from),
        samples_without_predictions=record.without_predictions,
    )


def _origin(name: DatasetName, origin: MeasuredFrom) -> pb.MeasuredFrom:
    return pb.MeasuredFrom(
        round=str(RoundName(name.project, name.dataset, origin.round)),
        iou_min=origin.iou_min,
        score_min=origin.score_min,
    )


def progress(name: DatasetName, overview: ProgressOverview) -> pb.DatasetProgress:
    """The progress of that dataset."""
    message = pb.DatasetProgress(
        dataset=str(name),
        points=[
            _point(record, point)
            for record, point in zip(overview.rounds, overview.points, strict=True)
        ],
        changes=map(_change, overview.changes),
        stability=None if overview.stability is None else _stability(overview.stability),
        failures=None if overview.causes is None else _causes(*overview.causes),
        target=None if overview.target is None else _target(overview.target),
        advice=_advice(overview.advice),
        labelling=_labelling(overview.counts),
    )
    if isinstance(overview.curve, LearningCurve):
        message.curve.CopyFrom(_curve(overview.curve, overview.next_batch))
    else:
        message.no_curve_reason = overview.curve.reason
    return message


def _labelling(counts: Counts) -> pb.LabellingProgress:
    return pb.LabellingProgress(
        held_out=sum(counts.held_out.values()),
        unlabelled=counts.pool(Status.UNLABELLED),
        selected=counts.pool(Status.SELECTED),
        annotated=counts.pool(Status.ANNOTATED),
        reviewed=counts.pool(Status.REVIEWED),
    )


def _point(record: RecordedRound, point: RoundPoint) -> pb.MetricPoint:
    return pb.MetricPoint(
        round=point.round,
        labelled_groups=record.labelled_groups,
        samples=point.samples,
        mean=point.mean,
        interval=interval(point.interval),
    )


def _change(change: MetricChange) -> pb.MetricChange:
    return pb.MetricChange(
        earlier=change.earlier,
        later=change.later,
        samples=change.samples,
        difference=change.difference,
        interval=interval(change.interval),
        detectable=change.detectable,
    )


def _curve(curve: LearningCurve, forecast: NextBatchForecast | None) -> pb.LearningCurve:
    message = pb.LearningCurve(scale=curve.scale, exponent=curve.exponent, floor=curve.floor)
    if forecast is not None:
        message.next_groups = forecast.groups
        message.next_error.CopyFrom(_estimate(forecast.error))
        message.next_gain.CopyFrom(_estimate(forecast.gain))
    return message


def _estimate(estimate: CurveEstimate) -> pb.CurveEstimate:
    return pb.CurveEstimate(value=estimate.value, interval=interval(estimate.interval))


def _stability(rounds: RoundStability) -> pb.PredictionStability:
    stability = rounds.stability
    return pb.PredictionStability(
        earlier=rounds.earlier,
        later=rounds.later,
        agreeing=share(stability.agreeing),
        kappa=stability.kappa,
        interval=interval(stability.interval),
    )


def _causes(round_number: int, causes: FailureCauses) -> pb.FailureCauses:
    return pb.FailureCauses(
        round=round_number,
        ambiguous=share(causes.ambiguous),
        mislabelled=share(causes.mislabelled),
        doubtful=share(causes.doubtful),
    )


def _target(check: TargetCheck) -> pb.TargetStanding:
    return pb.TargetStanding(
        target=check.target,
        samples_needed=check.samples_needed,
        reached=check.reached,
        overall=_slice(check.overall),
        slices=map(_slice, check.slices),
    )


def _slice(record: SliceTarget) -> pb.TargetStanding.Slice:
    return pb.TargetStanding.Slice(
        name=record.name,
        samples=record.samples,
        mean=record.mean,
        interval=interval(record.interval),
        reach=_REACHES[record.reach],
    )


def _advice(advice: Advice) -> pb.Advice:
    return pb.Advice(
        recommendation=_RECOMMENDATIONS[advice.recommendation],
        reason=advice.reason,
        signals=[
            pb.Advice.Signal(
                question=signal.question, state=_STATES[signal.state], reason=signal.reason
            )
            for signal in advice.signals
        ],
    )
