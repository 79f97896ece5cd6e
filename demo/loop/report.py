"""The results of the loop: tables for people, figures for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from demo.loop.team import Step
from sluice.v1 import progress_pb2

Teams = Sequence[Sequence[Step]]


def print_rounds(console: Console, steps: Sequence[Step]) -> None:
    """Print the rounds of one team."""
    table = Table(title="One of the teams that use Sluice", title_justify="left", box=None)
    for heading in ("round", "labelled", "coverage", "targeted", "failures", "accuracy"):
        table.add_column(heading, justify="right")
    table.add_column("golden QA")
    for step in steps:
        counts = (step.round, step.labelled, step.coverage, step.targeted, step.failures)
        table.add_row(*map(str, counts), f"{step.accuracy:.3f}", step.golden)
    console.print(table)


def print_progress(console: Console, progress: progress_pb2.DatasetProgress) -> None:
    """Print the progress of one team."""
    table = Table(box=None, padding=(1, 1, 0, 1), show_header=False)
    for signal in progress.advice.signals:
        state = progress_pb2.SignalState.Name(signal.state).removeprefix("SIGNAL_STATE_")
        table.add_row(signal.question, f"[bold]{state.lower().replace('_', ' ')}", signal.reason)
    console.print(table)
    name = progress_pb2.Recommendation.Name(progress.advice.recommendation)
    words = name.removeprefix("RECOMMENDATION_").lower().replace("_", " ")
    reason = progress.advice.reason
    console.print(f"\nRecommended: [bold]{words}[/], since {reason}\n", highlight=False)


def print_comparison(console: Console, chosen: Teams, random: Teams) -> None:
    """Print the mean accuracy of all teams by round."""
    title = f"Accuracy: means of {len(chosen)} teams of each kind, ± standard error"
    table = Table(title=title, title_justify="left", box=None)
    for heading in ("labelled", "Sluice", "random", "difference"):
        table.add_column(heading, justify="right")
    ours, others = accuracies(chosen), accuracies(random)
    for index, step in enumerate(chosen[0]):
        figures = (ours[:, index], others[:, index], ours[:, index] - others[:, index])
        table.add_row(str(step.labelled), *map(_format_mean, figures))
    console.print(table)


def write_report(chosen: Teams, random: Teams, path: Path) -> None:
    """Write every step of every team as JSON."""
    kinds = {"chosen": chosen, "random": random}
    report = {kind: [list(map(asdict, team)) for team in teams] for kind, teams in kinds.items()}
    path.write_text(json.dumps(report, indent=1) + "\n")


def accuracies(teams: Teams) -> NDArray[np.float64]:
    """The accuracy of each team after each round: `(teams, rounds)`."""
    return np.array([[step.accuracy for step in steps] for steps in teams])


def _format_mean(values: NDArray[np.float64]) -> str:
    """The mean, with its standard error if there are several values."""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{values.mean():.3f} ± {values.std(ddof=1) / np.sqrt(len(values)):.3f}"
