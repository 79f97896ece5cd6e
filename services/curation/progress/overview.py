"""The progress of a dataset, from all of its recorded rounds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.curation.context import Curation
from services.curation.datasets.counts import Counts, count_frames
from services.curation.golden.gate import read_gate
from services.curation.progress.advice import GAIN_MIN, Advice, Evidence, advise
from services.curation.progress.failures import FailureCauses, find_causes
from services.curation.progress.learning_curve import (
    CurveEstimate,
    LearningCurve,
    NoCurve,
    fit_curve,
)
from services.curation.progress.metric import (
    MetricChange,
    RoundPoint,
    measure_change,
    measure_point,
)
from services.curation.progress.recorded_rounds import read_samples
from services.curation.progress.records import RecordedRound, RoundSamples, rounds_prefix
from services.curation.progress.stability import Stability, measure_stability
from services.curation.progress.target import TargetCheck, check_target
from services.records.records import decode
from services.records.scanning import scan_pages
from services.records.stores import Stores
from sluice.errors import InvalidArgument
from sluice.names import DatasetName

_STANDARD_ERRORS = 2 * 1.96  # in the width of a 95 % interval


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressQuery:
    """The parameters of a progress overview.

    `gain_min` is the least gain that is worth a batch. With 0 `next_groups`, the next batch is as
    large as the last one.
    """

    target: float | None = None
    gain_min: float = GAIN_MIN
    next_groups: int = 0

    def check(self) -> None:
        """Raise InvalidArgument naming the value that is not in (0, 1)."""
        for field, value in (("target", self.target), ("gain_min", self.gain_min)):
            if value is not None and not 0 < value < 1:
                raise InvalidArgument.of(field, f"{value} is not between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class NextBatchForecast:
    """The learning curve's error and gain with so many more groups."""

    groups: int
    error: CurveEstimate
    gain: CurveEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundStability:
    """The stability of predictions between two rounds."""

    earlier: int
    later: int
    stability: Stability


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressOverview:
    """All measures of a dataset's progress; `causes` has the number of its round."""

    counts: Counts
    rounds: Sequence[RecordedRound]
    points: Sequence[RoundPoint]
    changes: Sequence[MetricChange]
    curve: LearningCurve | NoCurve
    next_batch: NextBatchForecast | None
    stability: RoundStability | None
    causes: tuple[int, FailureCauses] | None
    target: TargetCheck | None
    advice: Advice


@dataclass(frozen=True, slots=True)
class _MetricSeries:
    """The metric of each round, and the changes between successive rounds with common samples."""

    points: list[RoundPoint]
    changes: list[MetricChange]
    newest: RoundSamples | None = None


async def read_progress(
    curation: Curation, name: DatasetName, query: ProgressQuery
) -> ProgressOverview:
    """The progress of a dataset; InvalidArgument for a parameter out of range."""
    query.check()
    counts, stores = await count_frames(curation, name), curation.stores
    rounds: list[RecordedRound] = []
    async for page in scan_pages(stores.ledger, name.project, rounds_prefix(name)):
        rounds += [decode(RecordedRound, entry) for entry in page]
    measured = await _measure_rounds(stores, rounds)
    curve = await asyncio.to_thread(_fit_curve, rounds, measured.points)
    next_batch = _forecast(curve, rounds, query.next_groups)
    stability = await _measure_stability(stores, rounds)
    causes = await _find_causes(stores, rounds)
    target = _check_target(measured.newest, query.target)
    evidence = Evidence(
        golden=(await read_gate(stores, name)).verdict,
        target=target,
        failures=causes[1] if causes else None,
        change=_last_change(measured),
        next_gain=_next_gain(curve, next_batch),
        stability=stability.stability if stability else None,
    )
    return ProgressOverview(
        counts=counts,
        rounds=rounds,
        points=measured.points,
        changes=measured.changes,
        curve=curve,
        next_batch=next_batch,
        stability=stability,
        causes=causes,
        target=target,
        advice=advise(evidence, gain_min=query.gain_min),
    )


async def _measure_rounds(stores: Stores, rounds: Sequence[RecordedRound]) -> _MetricSeries:
    """Measure all rounds, holding the samples of two rounds at a time."""
    points: list[RoundPoint] = []
    changes: list[MetricChange] = []
    before = None
    for record in rounds:
        samples = await read_samples(stores, record)
        points.append(measure_point(samples.metric()))
        if before is not None and not set(before.sample_ids).isdisjoint(samples.sample_ids):
            changes.append(
                await asyncio.to_thread(measure_change, before.metric(), samples.metric())
            )
        before = samples
    return _MetricSeries(points, changes, before)


def _last_change(measured: _MetricSeries) -> MetricChange | None:
    """The change to the newest round, if it has common samples with the one before."""
    if measured.changes and measured.changes[-1].later == measured.points[-1].round:
        return measured.changes[-1]
    return None


def _fit_curve(
    rounds: Sequence[RecordedRound], points: Sequence[RoundPoint]
) -> LearningCurve | NoCurve:
    if not rounds:
        return NoCurve(reason="no round was recorded")
    widths = [point.interval.high - point.interval.low for point in points]
    return fit_curve(
        [record.labelled_groups for record in rounds],
        [1 - point.mean for point in points],
        standard_errors=[width / _STANDARD_ERRORS for width in widths],
    )


def _forecast(
    curve: LearningCurve | NoCurve, rounds: Sequence[RecordedRound], groups: int
) -> NextBatchForecast | None:
    if isinstance(curve, NoCurve):
        return None
    labelled = rounds[-1].labelled_groups
    more = groups or labelled - rounds[-2].labelled_groups
    if more < 1:
        return None
    return NextBatchForecast(
        groups=more, error=curve.error(labelled + more), gain=curve.gain(labelled, more)
    )


def _next_gain(
    curve: LearningCurve | NoCurve, next_batch: NextBatchForecast | None
) -> CurveEstimate | NoCurve | None:
    if isinstance(curve, NoCurve):
        return curve
    return next_batch.gain if next_batch else None


async def _measure_stability(
    stores: Stores, rounds: Sequence[RecordedRound]
) -> RoundStability | None:
    """The stability of the last two rounds that have predictions, on the samples of both."""
    last_two = [record for record in rounds if record.with_predictions][-2:]
    if len(last_two) < 2:
        return None
    first, second = [await read_samples(stores, record) for record in last_two]
    earlier, later = _by_sample(first), _by_sample(second)
    shared = sorted(earlier.keys() & later.keys())
    if not shared:
        return None
    stability = await asyncio.to_thread(
        measure_stability, [earlier[s] for s in shared], [later[s] for s in shared]
    )
    return RoundStability(earlier=first.round, later=second.round, stability=stability)


def _by_sample(samples: RoundSamples) -> Mapping[str, str]:
    return dict(zip(samples.sample_ids, samples.predictions, strict=True))


async def _find_causes(
    stores: Stores, rounds: Sequence[RecordedRound]
) -> tuple[int, FailureCauses] | None:
    """The causes of failures in the newest round that has judged failures, with its number."""
    judged = [record for record in rounds if record.judged]
    if not judged:
        return None
    samples = await read_samples(stores, judged[-1])
    answers = [(failure.label, failure.first, failure.second) for failure in samples.failures]
    labels, first, second = zip(*answers, strict=True)
    return samples.round, find_causes(labels, first, second)


def _check_target(newest: RoundSamples | None, target: float | None) -> TargetCheck | None:
    if newest is None or target is None:
        return None
    masks = {}
    for sample_slice in newest.slices:
        mask = np.zeros(len(newest.sample_ids), np.bool_)
        mask[list(sample_slice.samples)] = True
        masks[sample_slice.name] = mask
    return check_target(newest.metric().values, target, masks)
