"""The advice on a dataset: one recommendation from all signals; a person decides.

The first rule that applies is taken:

1. The golden check failed: fix the labels. Every other figure depends on them.
2. The target is surely reached, overall and in each slice: stop.
3. Most of the remaining failures are surely doubtful labels: fix the labels.
4. The last batch surely made the metric worse: change what is collected.
5. Gains have flattened: change what is collected if a target is not reached, else stop.
6. Otherwise, also where the figures are unclear: continue.

Gains have flattened if the learning curve surely promises less than `gain_min` of the next batch.
Without a curve, or with an unclear one, they have if the last batch surely brought less than that,
and the predictions are not surely still changing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

from services.curation.golden.verdict import GoldenVerdict
from services.curation.progress import signals
from services.curation.progress.failures import FailureCauses
from services.curation.progress.learning_curve import CurveEstimate, NoCurve
from services.curation.progress.metric import MetricChange
from services.curation.progress.signals import Signal, SignalState
from services.curation.progress.stability import Stability
from services.curation.progress.target import TargetCheck
from services.records.records import Record
from sluice.errors import InvalidArgument

GAIN_MIN: Final = 0.01
"""A batch that brings less than a point of the metric is seldom worth its labelling."""


class Recommendation(StrEnum):
    """What to do next."""

    CONTINUE = "continue"
    CHANGE_COLLECTION = "change what is collected"
    FIX_LABELS = "fix labels"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The measures of a dataset; None where something was not measured.

    `change` is the change from the last but one round to the last one, `next_gain` the gain of the
    next batch by the learning curve.
    """

    golden: GoldenVerdict | None = None
    target: TargetCheck | None = None
    failures: FailureCauses | None = None
    change: MetricChange | None = None
    next_gain: CurveEstimate | NoCurve | None = None
    stability: Stability | None = None


class Advice(Record, frozen=True, kw_only=True):
    """The recommendation, its reason, and all signals in the order of the rules."""

    recommendation: Recommendation
    reason: str
    signals: tuple[Signal, ...]


@dataclass(frozen=True, slots=True)
class _Signals:
    trusted: Signal
    reached: Signal
    doubtful: Signal
    worse: Signal
    exhausted: Signal
    flat: Signal
    settled: Signal


def advise(evidence: Evidence, *, gain_min: float = GAIN_MIN) -> Advice:
    """The advice that follows from the evidence; InvalidArgument for a `gain_min` not in (0, 1)."""
    if not 0 < gain_min < 1:
        raise InvalidArgument.of("gain_min", f"{gain_min} is not between 0 and 1")
    answers = _Signals(
        trusted=signals.assess_labels(evidence.golden),
        reached=signals.assess_target(evidence.target),
        doubtful=signals.assess_failures(evidence.failures),
        worse=signals.assess_harm(evidence.change),
        exhausted=signals.assess_next_gain(evidence.next_gain, gain_min),
        flat=signals.assess_last_gain(evidence.change, gain_min),
        settled=signals.assess_stability(evidence.stability),
    )
    recommendation, reason = _recommend(answers)
    return Advice(
        recommendation=recommendation,
        reason=reason,
        signals=tuple(getattr(answers, field.name) for field in fields(answers)),
    )


def _recommend(answers: _Signals) -> tuple[Recommendation, str]:
    """The first rule that applies, and its reason."""
    for signal, state, recommendation in (
        (answers.trusted, SignalState.NO, Recommendation.FIX_LABELS),
        (answers.reached, SignalState.YES, Recommendation.STOP),
        (answers.doubtful, SignalState.YES, Recommendation.FIX_LABELS),
        (answers.worse, SignalState.YES, Recommendation.CHANGE_COLLECTION),
    ):
        if signal.state is state:
            return recommendation, signal.reason
    flattened = _find_flattened(answers)
    if flattened is None:
        return Recommendation.CONTINUE, _explain_continue(answers)
    if answers.reached.state is SignalState.NOT_MEASURED:
        return Recommendation.STOP, f"{flattened.reason}, and {answers.reached.reason}"
    return Recommendation.CHANGE_COLLECTION, f"{flattened.reason}, and {answers.reached.reason}"


def _find_flattened(answers: _Signals) -> Signal | None:
    """The signal by which gains have flattened, if one says so."""
    if answers.exhausted.state is SignalState.YES:
        return answers.exhausted
    promising = answers.exhausted.state is SignalState.NO
    changing = answers.settled.state is SignalState.NO
    if answers.flat.state is SignalState.YES and not promising and not changing:
        return answers.flat
    return None


def _explain_continue(answers: _Signals) -> str:
    """The signal for continuing; without one, the first signal that is unclear."""
    gains = (answers.exhausted, answers.flat, answers.settled)
    for signal in gains:
        if signal.state is SignalState.NO:
            return signal.reason
    for signal in gains:
        if signal.state in (SignalState.UNDETECTABLE, SignalState.UNCLEAR):
            return f"no signal is against it, but one is unclear: {signal.reason}"
    return "no signal is against it, and gains were not measured"
