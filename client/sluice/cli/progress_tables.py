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


def print_progress(progress: Any) -> None:
    """Print the state of labelling, the metrics of all rounds, and the recommendation."""
    _print_line(_labelling(progress.labelling))
    show(progress.points, POINTS, to_json=False)
    if progress.changes:
        show(progress.changes, CHANGES, to_json=False)
    if progress.HasField("target"):
        show([progress.target.overall, *progress.target.slices], SLICES, to_json=False)
    _print_line(_curve(progress))
    show(progress.advice.signals, SIGNALS, to_json=False)
    recommended = progress_pb2.Recommendation.Name(progress.advice.recommendation)
    words = recommended.removeprefix("RECOMMENDATION_").lower().replace("_", " ")
    _print_line(f"recommended: {words}, since {progress.advice.reason}")


def _labelling(labelling: Any) -> str:
    counts = {
        name: getattr(labelling, name)
        for name in ("reviewed", "annotated", "selected", "unlabelled")
    }
    pool = sum(counts.values())
    parts = [f"{count:,} {name} ({count / max(pool, 1):.0%})" for name, count in counts.items()]
    return f"pool of {pool:,} groups: {', '.join(parts)}; {labelling.held_out:,} groups held out"


def _curve(progress: Any) -> str:
    if not progress.HasField("curve"):
        return f"no learning curve: {progress.no_curve_reason}"
    curve = progress.curve
    formula = f"error(n) = {curve.scale:.3g} · n^−{curve.exponent:.2f} + {curve.floor:.3f}"
    if not curve.next_groups:
        return formula
    gain = curve.next_gain
    return (
        f"{formula}; {curve.next_groups:,} more groups may gain {gain.value:.3f} "
        f"({_interval(gain.interval)})"
    )


def _print_line(text: str) -> None:
    console.print(cell(text), soft_wrap=True)
