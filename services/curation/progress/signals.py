"""Signals: for each measure a question on whether to continue, its answer, and the reason.

The answer is `undetectable` if the validation set is too small for one, and `unclear` if the
figures allow both answers.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from services.curation.golden.verdict import GoldenVerdict
from services.curation.intervals import Interval
from services.curation.progress.failures import FailureCauses
from services.curation.progress.learning_curve import CurveEstimate, NoCurve
from services.curation.progress.metric import MetricChange
from services.curation.progress.stability import Stability
from services.curation.progress.target import TargetCheck, TargetReach
from services.records.records import Record

KAPPA_SETTLED: Final = 0.8
"""A kappa over it is almost perfect agreement (Landis and Koch 1977)."""

DOUBTFUL_MOST: Final = 0.5
"""If labels cause over half of the failures, fixing them brings more than new frames."""

UNDETECTABLE: Final = "undetectable with this validation size"


class SignalState(StrEnum):
    """The answer to a signal's question."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"
    UNDETECTABLE = "undetectable"
    NOT_MEASURED = "not measured"


class Signal(Record, frozen=True, kw_only=True):
    """A question, its answer, and the reason as a sentence."""

    question: str
    state: SignalState
    reason: str


def assess_labels(golden: GoldenVerdict | None) -> Signal:
    """Whether labels can be trusted, by the newest golden checks."""
    state, reason = {
        None: (SignalState.NOT_MEASURED, "no golden check was made"),
        GoldenVerdict.PASS: (SignalState.YES, "the golden check passed"),
        GoldenVerdict.WARN: (SignalState.YES, "the golden check warned, and did not fail"),
        GoldenVerdict.FAIL: (SignalState.NO, "the golden check failed: labels have drifted"),
        GoldenVerdict.INSUFFICIENT: (
            SignalState.UNCLEAR,
            "the golden set is too small to show a drift",
        ),
    }[golden]
    return Signal(question="can the labels be trusted?", state=state, reason=reason)


def assess_target(target: TargetCheck | None) -> Signal:
    """Whether the target is reached, by the lower bounds overall and of each slice."""
    question = "is the target reached?"
    if target is None:
        return Signal(question=question, state=SignalState.NOT_MEASURED, reason="no target is set")
    name = f"the target {target.target:g} is"
    if target.reached:
        reason = f"{name} surely reached, overall and in every slice"
        return Signal(question=question, state=SignalState.YES, reason=reason)
    if slices := _describe_slices(target, TargetReach.MISSED):
        reason = f"{name} surely missed {slices}"
        return Signal(question=question, state=SignalState.NO, reason=reason)
    if slices := _describe_slices(target, TargetReach.OPEN):
        reason = f"{name} not surely reached {slices}"
        return Signal(question=question, state=SignalState.UNCLEAR, reason=reason)
    slices = _describe_slices(target, TargetReach.UNDETECTABLE)
    reason = f"{name} {UNDETECTABLE} {slices}; {target.samples_needed} samples are needed"
    return Signal(question=question, state=SignalState.UNDETECTABLE, reason=reason)


def assess_failures(failures: FailureCauses | None) -> Signal:
    """Whether labels cause most failures, by two annotators' answers on a sample."""
    question = "are most failures doubtful labels?"
    if failures is None:
        reason = "no failures were judged by two annotators"
        return Signal(question=question, state=SignalState.NOT_MEASURED, reason=reason)
    doubtful, interval = failures.doubtful, failures.doubtful.interval
    reason = (
        f"{doubtful.count} of {doubtful.total} sampled failures are doubtful labels "
        f"({interval.low:.0%} to {interval.high:.0%}): {failures.ambiguous.count} ambiguous, "
        f"{failures.mislabelled.count} wrong"
    )
    return Signal(question=question, state=_compare(interval, DOUBTFUL_MOST), reason=reason)


def assess_harm(change: MetricChange | None) -> Signal:
    """Whether the last batch made the metric worse."""
    question = "did the last batch make it worse?"
    if change is None:
        return Signal(question=question, state=SignalState.NOT_MEASURED, reason=_ONE_ROUND)
    state = SignalState.YES if change.interval.high < 0 else SignalState.NO
    return Signal(question=question, state=state, reason=_describe_change(change))


def assess_last_gain(change: MetricChange | None, gain_min: float) -> Signal:
    """Whether the last batch brought too little; `no` if it surely brought something."""
    question = f"did the last batch bring less than {gain_min:g}?"
    if change is None:
        return Signal(question=question, state=SignalState.NOT_MEASURED, reason=_ONE_ROUND)
    reason = _describe_change(change)
    if change.interval.high < gain_min:
        return Signal(question=question, state=SignalState.YES, reason=reason)
    if change.interval.low > 0:
        return Signal(question=question, state=SignalState.NO, reason=reason)
    if change.detectable <= gain_min:
        return Signal(question=question, state=SignalState.UNCLEAR, reason=reason)
    reason = (
        f"a gain of {gain_min:g} is {UNDETECTABLE}: in {change.samples} samples, changes under "
        f"{change.detectable:.3f} may stay undetected"
    )
    return Signal(question=question, state=SignalState.UNDETECTABLE, reason=reason)


def assess_next_gain(gain: CurveEstimate | NoCurve | None, gain_min: float) -> Signal:
    """Whether the next batch will bring too little, by the learning curve."""
    question = f"will the next batch bring less than {gain_min:g}?"
    if not isinstance(gain, CurveEstimate):
        reason = f"there is no learning curve: {gain.reason}" if gain else "there is no curve"
        return Signal(question=question, state=SignalState.NOT_MEASURED, reason=reason)
    low, high = gain.interval.low, gain.interval.high
    reason = (
        f"the learning curve promises {gain.value:.3f} of the next batch ({low:.3f} to {high:.3f})"
    )
    state = SignalState.UNCLEAR
    if high < gain_min:
        state = SignalState.YES
    elif low >= gain_min:
        state = SignalState.NO
    return Signal(question=question, state=state, reason=reason)


def assess_stability(stability: Stability | None) -> Signal:
    """Whether the predictions of two rounds are almost equal."""
    question = "have predictions settled?"
    if stability is None:
        reason = "the predictions of two rounds were not compared"
        return Signal(question=question, state=SignalState.NOT_MEASURED, reason=reason)
    interval = stability.interval
    reason = (
        f"predictions agree with those of the round before by kappa = {stability.kappa:.2f} "
        f"({interval.low:.2f} to {interval.high:.2f})"
    )
    return Signal(question=question, state=_compare(interval, KAPPA_SETTLED), reason=reason)


_ONE_ROUND = "there are no two rounds to compare"


def _compare(interval: Interval, limit: float) -> SignalState:
    """`yes` for an interval over the limit, `no` for one under it, else `unclear`."""
    if interval.low > limit:
        return SignalState.YES
    return SignalState.NO if interval.high <= limit else SignalState.UNCLEAR


def _describe_slices(target: TargetCheck, reach: TargetReach) -> str:
    overall = ["overall"] if target.overall.reach is reach else []
    return " and ".join([*overall, *(f"in {name!r}" for name in target.slices_with(reach))])


def _describe_change(change: MetricChange) -> str:
    return (
        f"the metric changed by {change.difference:+.3f} from round {change.earlier} to "
        f"{change.later} ({change.interval.low:+.3f} to {change.interval.high:+.3f})"
    )
