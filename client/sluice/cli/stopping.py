"""`sluice progress`: what each round brought, and whether another one is worth it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sluice.cli.arguments import Dataset, Json
from sluice.cli.context import connection
from sluice.cli.output import as_json, cell, console, print_json, show, show_one
from sluice.formats.results import read_judged, read_results
from sluice.v1 import progress_pb2

app = typer.Typer(
    help="Progress: what rounds brought, and whether another is worth it.", no_args_is_help=True
)

File = Annotated[
    Path,
    typer.Argument(
        exists=True,
        dir_okay=False,
        help='JSON lines: {"sample": …, "value": 0…1, "prediction": …, "slices": […]}.',
    ),
]


def _interval(interval: Any, form: str = ".3f") -> str:
    return f"{interval.low:{form}} to {interval.high:{form}}"


def _state(signal: Any) -> str:
    name = progress_pb2.SignalState.Name(signal.state).removeprefix("SIGNAL_STATE_")
    return name.lower().replace("_", " ")


def _reach(part: Any) -> str:
    return progress_pb2.TargetReach.Name(part.reach).removeprefix("TARGET_REACH_").lower()


ROUNDS = [
    ("round", lambda r: r.round),
    ("groups", lambda r: r.labelled_groups),
    ("samples", lambda r: r.sample_count),
    ("metric", lambda r: f"{r.mean:.3f}"),
    ("predictions", lambda r: "yes" if r.with_predictions else "no"),
    ("slices", lambda r: ", ".join(r.slices)),
    ("judged failures", lambda r: r.judged_count),
]
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


@app.command()
def record(
    context: typer.Context,
    dataset: Dataset,
    file: File,
    round_number: Annotated[int, typer.Option("--round", min=0, help="The round's number.")],
    groups: Annotated[int, typer.Option(min=1, help="How many groups were labelled.")],
    failures: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help='Judged failures, JSON lines: {"label": …, "first": …, "second": …}.',
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Record what a round's model is worth on each validation sample.

    Example: sluice progress record DATASET results.jsonl --round 1 --groups 200
    """
    with connection(context).client() as client:
        results = read_results(file)
        answer = client.progress.record(
            dataset,
            round_number,
            results.values,
            labelled_groups=groups,
            predictions=results.predictions,
            slices=results.slices,
            failures=read_judged(failures) if failures else (),
        )
    if json:
        print_json(as_json(answer))
    else:
        show_one(answer.round, ROUNDS, to_json=False)


@app.command("list")
def list_rounds(context: typer.Context, dataset: Dataset, json: Json = False) -> None:
    """List the recorded rounds of a dataset.

    Example: sluice progress list DATASET
    """
    with connection(context).client() as client:
        show(client.progress.rounds(dataset), ROUNDS, to_json=json)


@app.command("show")
def show_progress(
    context: typer.Context,
    dataset: Dataset,
    target: Annotated[
        float | None, typer.Option(min=0, max=1, help="What the metric must surely reach.")
    ] = None,
    gain_min: Annotated[
        float | None, typer.Option(min=0, max=1, help="What a batch must bring; default 0.01.")
    ] = None,
    next_groups: Annotated[
        int, typer.Option(min=0, help="Groups of the next batch; default as many as the last.")
    ] = 0,
    json: Json = False,
) -> None:
    """Show what all rounds say together, and one recommendation; you decide.

    Example: sluice progress show DATASET --target 0.9
    """
    with connection(context).client() as client:
        found = client.progress.get(
            dataset,
            target=target,
            gain_min=gain_min,
            next_groups=next_groups,
        )
    if json:
        print_json(as_json(found))
    else:
        _show(found)


def _show(found: Any) -> None:
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
