"""One recommendation from all signals, each with its reason; a person decides.

The first rule that applies is taken:

1. The golden check failed: fix the labels. Every other figure rests on them.
2. The target is surely reached, overall and in each slice: stop.
3. Most of the remaining failures are surely doubtful labels: fix the labels.
4. The last batch surely made the metric worse: change what is collected.
5. Gains have flattened: change what is collected while a target is not reached, else stop.
6. Otherwise, also where nobody can tell: continue.

Gains have flattened where the learning curve surely promises less than `gain_min` of the next
batch. Where there is no curve, or it is unclear, they have where the last batch surely brought
less than that, and the predictions are not surely still changing.
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
    """What was measured; None where it was not.

    `change` is that from the round before to the last one, and `next_gain` the learning curve's
    gain of the next batch.
    """

    golden: GoldenVerdict | None = None
    target: TargetCheck | None = None
    failures: FailureCauses | None = None
    change: MetricChange | None = None
    next_gain: CurveEstimate | NoCurve | None = None
    stability: Stability | None = None


class Advice(Record, frozen=True, kw_only=True):
    """The recommendation, why, and the signals that it rests on, in the order of the rules."""

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
    """The advice that follows from the evidence; InvalidArgument for a `gain_min` not in 0…1."""
    if not 0 < gain_min < 1:
        raise InvalidArgument.of("gain_min", f"{gain_min} is not between 0 and 1")
    found = _Signals(
        trusted=signals.trusted(evidence.golden),
        reached=signals.reached(evidence.target),
        doubtful=signals.doubtful(evidence.failures),
        worse=signals.worse(evidence.change),
        exhausted=signals.exhausted(evidence.next_gain, gain_min),
        flat=signals.flat(evidence.change, gain_min),
        settled=signals.settled(evidence.stability),
    )
    recommendation, reason = _recommend(found)
    return Advice(
        recommendation=recommendation,
        reason=reason,
        signals=tuple(getattr(found, field.name) for field in fields(found)),
    )


def _recommend(found: _Signals) -> tuple[Recommendation, str]:
    """The first rule that applies, and its reason."""
    for signal, state, recommendation in (
        (found.trusted, SignalState.NO, Recommendation.FIX_LABELS),
        (found.reached, SignalState.YES, Recommendation.STOP),
        (found.doubtful, SignalState.YES, Recommendation.FIX_LABELS),
        (found.worse, SignalState.YES, Recommendation.CHANGE_COLLECTION),
    ):
        if signal.state is state:
            return recommendation, signal.reason
    flattened = _flattened(found)
    if flattened is None:
        return Recommendation.CONTINUE, _why_continue(found)
    if found.reached.state is SignalState.NOT_MEASURED:
        return Recommendation.STOP, f"{flattened.reason}, and {found.reached.reason}"
    return Recommendation.CHANGE_COLLECTION, f"{flattened.reason}, and {found.reached.reason}"


def _flattened(found: _Signals) -> Signal | None:
    """The signal that says that gains have flattened, if one does."""
    if found.exhausted.state is SignalState.YES:
        return found.exhausted
    promising = found.exhausted.state is SignalState.NO
    changing = found.settled.state is SignalState.NO
    if found.flat.state is SignalState.YES and not promising and not changing:
        return found.flat
    return None


def _why_continue(found: _Signals) -> str:
    """What speaks for going on; if nothing does, what could not be told."""
    gains = (found.exhausted, found.flat, found.settled)
    for signal in gains:
        if signal.state is SignalState.NO:
            return signal.reason
    for signal in gains:
        if signal.state in (SignalState.UNDETECTABLE, SignalState.UNCLEAR):
            return f"nothing speaks against it, but this may not show: {signal.reason}"
    return "nothing speaks against it, and gains were not measured"
