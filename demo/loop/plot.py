"""The accuracy curves of both kinds of teams."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from demo.loop.report import accuracies
from demo.loop.team import TARGET, Step

_BLUE, _GREY = "tab:blue", "tab:gray"
_DOTS_PER_INCH: Final = 110

Teams = Sequence[Sequence[Step]]


def draw_curves(chosen: Teams, random: Teams, path: Path) -> None:
    """Draw accuracy over labelled frames as a PNG file: each team thin, their mean bold."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    _draw(axes, "Sluice", chosen, _BLUE)
    _draw(axes, "random", random, _GREY)
    axes.axhline(TARGET, color="black", linewidth=0.8, linestyle=":")
    axes.set(xlabel="labelled frames", ylabel="accuracy in the test split")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=_DOTS_PER_INCH)


def _draw(axes: Axes, name: str, teams: Teams, colour: str) -> None:
    labelled = [step.labelled for step in teams[0]]
    values = accuracies(teams)
    mean = values.mean(axis=0)
    axes.plot(labelled, values.T, color=colour, alpha=0.25, linewidth=1)
    axes.plot(labelled, mean, color=colour, linewidth=2.5, marker="o")
    end = (labelled[-1], mean[-1])
    axes.annotate(name, end, (8, 0), textcoords="offset points", color=colour, va="center")
