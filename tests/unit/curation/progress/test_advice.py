"""The advice on a dataset."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from services.curation.golden.verdict import GoldenVerdict
from services.curation.intervals import Interval
from services.curation.progress.advice import Advice, Evidence, Recommendation, advise
from services.curation.progress.failures import find_causes
from services.curation.progress.learning_curve import CurveEstimate, NoCurve
from services.curation.progress.metric import MetricChange
from services.curation.progress.signals import UNDETECTABLE, SignalState
from services.curation.progress.stability import measure_stability
from services.curation.progress.target import check_target
from services.ledger.interface import Entry
from services.records.records import decode, encode
from sluice.errors import InvalidArgument


def change(difference: float, low: float, high: float, detectable: float = 0.005) -> MetricChange:
    """A change between rounds 3 and 4."""
    return MetricChange(
        earlier=3,
        later=4,
        samples=500,
        difference=difference,
        interval=Interval(low=low, high=high),
        detectable=detectable,
    )


def gain(value: float, low: float, high: float) -> CurveEstimate:
    """The gain that the learning curve promises."""
    return CurveEstimate(value=value, interval=Interval(low=low, high=high))


HIT = check_target(np.ones(100), 0.9)
MISSED = check_target(np.zeros(100), 0.9)
SMALL = check_target(np.ones(300), 0.9, {"night": np.arange(300) < 9})
LABELS = find_causes(["a"] * 30, ["b"] * 30, ["b"] * 20 + ["c"] * 10)
MODEL = find_causes(["a"] * 30, ["a"] * 30, ["a"] * 30)
BETTER, WORSE = change(0.03, 0.01, 0.05), change(-0.03, -0.05, -0.01)
FLAT = change(0.001, -0.004, 0.006)
UNSEEN = change(0.004, -0.02, 0.03, detectable=0.036)
GOOD, LITTLE = gain(0.02, 0.012, 0.03), gain(0.003, 0.001, 0.006)
SAME = measure_stability("ab" * 100, "ab" * 100)
OTHER = measure_stability("ab" * 100, "abba" * 50)


@pytest.mark.parametrize(
    ("evidence", "recommendation"),
    [
        (Evidence(golden=GoldenVerdict.FAIL, target=HIT), Recommendation.FIX_LABELS),
        (Evidence(golden=GoldenVerdict.WARN, target=HIT), Recommendation.STOP),
        (Evidence(target=HIT, failures=LABELS), Recommendation.STOP),
        (Evidence(target=MISSED, failures=LABELS, change=BETTER), Recommendation.FIX_LABELS),
        (Evidence(failures=MODEL, change=WORSE), Recommendation.CHANGE_COLLECTION),
        (Evidence(change=FLAT, target=MISSED), Recommendation.CHANGE_COLLECTION),
        (Evidence(change=FLAT, target=SMALL), Recommendation.CHANGE_COLLECTION),
        (Evidence(change=FLAT), Recommendation.STOP),
        (Evidence(change=FLAT, stability=SAME), Recommendation.STOP),
        (Evidence(change=FLAT, stability=OTHER), Recommendation.CONTINUE),
        (Evidence(change=FLAT, next_gain=GOOD), Recommendation.CONTINUE),
        (Evidence(change=BETTER, next_gain=LITTLE), Recommendation.STOP),
        (Evidence(change=FLAT, next_gain=gain(0.01, 0, 0.05)), Recommendation.STOP),
        (Evidence(change=FLAT, next_gain=NoCurve(reason="few")), Recommendation.STOP),
        (Evidence(change=BETTER, target=MISSED), Recommendation.CONTINUE),
        (Evidence(change=UNSEEN), Recommendation.CONTINUE),
        (Evidence(), Recommendation.CONTINUE),
    ],
)
def test_the_first_rule_that_applies_is_taken(
    evidence: Evidence, recommendation: Recommendation
) -> None:
    """Labels, target, failures, harm, flattening, in that order; otherwise continue."""
    assert recommendation is advise(evidence).recommendation


def states(advice: Advice) -> list[SignalState]:
    """The answers, in the order of the rules."""
    return [signal.state for signal in advice.signals]


def test_every_signal_has_a_question_and_a_reason() -> None:
    """Also those that were not measured, which say so."""
    advice = advise(Evidence())

    assert [SignalState.NOT_MEASURED] * 7 == states(advice)
    assert 7 == len({signal.question for signal in advice.signals})
    assert all(signal.reason for signal in advice.signals)


def test_answers_follow_from_the_figures() -> None:
    """Clear figures give yes or no, unclear ones give unclear."""
    sure = Evidence(
        golden=GoldenVerdict.PASS, target=HIT, failures=LABELS, change=BETTER, next_gain=LITTLE,
        stability=SAME,
    )  # fmt: skip
    unsure = Evidence(
        golden=GoldenVerdict.INSUFFICIENT, target=check_target(np.repeat([1.0, 0.0], [92, 8]), 0.9),
        failures=find_causes("aa", "ab", "aa"), change=change(0.004, -0.002, 0.011),
        next_gain=gain(0.01, 0, 0.03), stability=measure_stability("ab" * 10, "ab" * 9 + "ba"),
    )  # fmt: skip

    yes, no, unclear = SignalState.YES, SignalState.NO, SignalState.UNCLEAR
    assert [yes, yes, yes, no, yes, no, yes] == states(advise(sure))
    assert [unclear, unclear, unclear, no, unclear, unclear, unclear] == states(advise(unsure))


def test_a_small_validation_set_makes_signals_undetectable() -> None:
    """A change and a slice that this validation size cannot show are undetectable."""
    advice = {x.question: x for x in advise(Evidence(change=UNSEEN, target=SMALL)).signals}

    flat = advice["did the last batch bring less than 0.01?"]
    reason = "in 500 samples, changes under 0.036 may stay undetected"
    expected = f"a gain of 0.01 is {UNDETECTABLE}: {reason}"
    assert (SignalState.UNDETECTABLE, expected) == (flat.state, flat.reason)
    reached = advice["is the target reached?"]
    expected = f"the target 0.9 is {UNDETECTABLE} in 'night'; 35 samples are needed"
    assert (SignalState.UNDETECTABLE, expected) == (reached.state, reached.reason)


def test_the_reason_has_the_figures() -> None:
    """The reason has the figures that the recommendation follows from."""
    missed = advise(Evidence(change=FLAT, target=MISSED))
    unseen = advise(Evidence(change=UNSEEN))

    assert missed.reason == (
        "the metric changed by +0.001 from round 3 to 4 (-0.004 to +0.006), and the target 0.9 is "
        "surely missed overall"
    )
    assert unseen.reason.startswith("no signal is against it, but one is unclear: a gain")


def test_every_combination_has_advice() -> None:
    """Whatever is measured: one recommendation with a reason, and seven signals."""
    choices = {
        "golden": [None, *GoldenVerdict],
        "target": [None, HIT, MISSED, SMALL],
        "failures": [None, LABELS, MODEL],
        "change": [None, BETTER, WORSE, FLAT, UNSEEN],
        "next_gain": [None, NoCurve(reason="few"), GOOD, LITTLE],
        "stability": [None, SAME, OTHER],
    }
    for values in product(*choices.values()):
        advice = advise(replace(Evidence(), **dict(zip(choices, values, strict=True))))
        assert advice.reason
        assert 7 == len(advice.signals)


def test_the_minimum_gain_can_be_set() -> None:
    """With a smaller minimum the same change is no longer flat."""
    assert Recommendation.CONTINUE is advise(Evidence(change=FLAT), gain_min=0.001).recommendation


@pytest.mark.parametrize("gain_min", [0, 1, float("nan")])
def test_a_minimum_gain_out_of_range_is_refused(gain_min: float) -> None:
    """The minimum gain must be between 0 and 1."""
    with pytest.raises(InvalidArgument, match="gain_min"):
        advise(Evidence(), gain_min=gain_min)


def test_advice_is_stored_and_read_whole() -> None:
    """Decoded advice equals the encoded one."""
    advice = advise(Evidence(change=FLAT, target=SMALL))

    assert advice == decode(Advice, Entry(key="k", value=encode(advice), revision=1))
