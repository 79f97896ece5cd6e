"""The progress of a dataset as tables and sentences."""

from __future__ import annotations

from typing import Any

from sluice.cli.output import cell, console, show
from sluice.v1 import progress_pb2


def _interval(interval: Any, form: str = ".3f") -> str:
    return f"{interval.low:{form}} to {interval.high:{form}}"


def _state(signal: Any) -> str:
    name = progress_pb2.SignalState.Name(signal.state).removeprefix("SIGNAL_STATE_")
    return name.lower().replace("_", " ")


def _reach(part: Any) -> str:
    return progress_pb2.TargetReach.Name(part.reach).removeprefix("TARGET_REACH_").lower()


POINTS = [
    ("round", lambda p: p.round),
    ("groups", lambda p: p.labelled_groups),
    ("samples", lambda p: p.samples),
    ("metric", lambda p: f"{p.mean:.3f}"),
    ("95 %", lambda p: _interval(p.interval)),
]
CHANGES = [
    ("from", lambda c: c.earlier),
    ("to", lambda c: c.later),
    ("samples", lambda c: c.samples),
    ("change", lambda c: f"{c.difference:+.3f}"),
    ("95 %", lambda c: _interval(c.interval, "+.3f")),
    ("detectable", lambda c: f"{c.detectable:.3f}"),
]
SLICES = [
    ("slice", lambda s: s.name or "everything"),
    ("samples", lambda s: s.samples),
    ("metric", lambda s: f"{s.mean:.3f}"),
    ("95 %", lambda s: _interval(s.interval)),
    ("target", _reach),
]
SIGNALS = [
    ("question", lambda s: s.question),
    ("answer", _state),
    ("why", lambda s: s.reason),
]


def show_standing(found: Any) -> None:
    """Print how far labelling is, what all rounds say together, and the recommendation."""
    _say(_labelling(found.labelling))
    show(found.points, POINTS, to_json=False)
    if found.changes:
        show(found.changes, CHANGES, to_json=False)
    if found.HasField("target"):
        show([found.target.overall, *found.target.slices], SLICES, to_json=False)
    _say(_curve(found))
    show(found.advice.signals, SIGNALS, to_json=False)
    recommended = progress_pb2.Recommendation.Name(found.advice.recommendation)
    words = recommended.removeprefix("RECOMMENDATION_").lower().replace("_", " ")
    _say(f"recommended: {words}, since {found.advice.reason}")


def _labelling(found: Any) -> str:
    counts = {
        name: getattr(found, name) for name in ("reviewed", "annotated", "selected", "unlabelled")
    }
    pool = sum(counts.values())
    parts = [f"{count:,} {name} ({count / max(pool, 1):.0%})" for name, count in counts.items()]
    return f"pool of {pool:,} groups: {', '.join(parts)}; {found.held_out:,} groups held out"


def _curve(found: Any) -> str:
    if not found.HasField("curve"):
        return f"no learning curve: {found.no_curve_reason}"
    curve = found.curve
    said = f"error(n) = {curve.scale:.3g} · n^−{curve.exponent:.2f} + {curve.floor:.3f}"
    if not curve.next_groups:
        return said
    gain = curve.next_gain
    return (
        f"{said}; {curve.next_groups:,} groups more may bring {gain.value:.3f} "
        f"({_interval(gain.interval)})"
    )


def _say(text: str) -> None:
    console.print(cell(text), soft_wrap=True)
