"""Plots of progress reports; they require the extra `plot`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sluice.errors import FailedPrecondition, InvalidArgument
from sluice.v1 import progress_pb2 as pb

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator
except ImportError as error:
    raise FailedPrecondition(
        "pictures need matplotlib: pip install 'sluice-client[plot]'"
    ) from error

_Array = NDArray[np.float64]

_CURVE_POINTS: Final = 200
_BLUE, _GREEN, _RED = "tab:blue", "tab:green", "tab:red"


def draw_progress(progress: pb.DatasetProgress, path: Path) -> None:
    """Draw the metric of each round over the labelled groups, with the learning curve and target.

    Bars are 95 % intervals; the last one, at the end of the curve, is a prediction for the next
    batch. Raises FailedPrecondition if there are no rounds, and InvalidArgument for a file that
    cannot be written or whose format matplotlib does not support.
    """
    if not progress.points:
        raise FailedPrecondition(f"no round of {progress.dataset} was recorded: nothing to draw")
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.set(title=progress.dataset, xlabel="labelled groups", ylabel="metric")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    _draw_rounds(axes, progress)
    if progress.HasField("curve"):
        _draw_curve(axes, progress)
    if progress.HasField("target"):
        target = progress.target.target
        axes.axhline(target, color=_RED, linestyle=":", label=f"target {target:g}")
    axes.legend(loc="lower right")
    _save(figure, path)


def _draw_rounds(axes: Axes, progress: pb.DatasetProgress) -> None:
    groups = [point.labelled_groups for point in progress.points]
    means = [point.mean for point in progress.points]
    lows = [point.interval.low for point in progress.points]
    highs = [point.interval.high for point in progress.points]
    axes.vlines(groups, lows, highs, color=_BLUE)
    axes.plot(groups, means, "o", color=_BLUE, label="rounds")
    for point in progress.points:
        position = (point.labelled_groups, point.mean)
        axes.annotate(f"{point.round}", position, xytext=(5, 5), textcoords="offset points")


def _draw_curve(axes: Axes, progress: pb.DatasetProgress) -> None:
    """Draw the curve over the recorded rounds, and dashed over the next batch."""
    curve = progress.curve
    groups = [point.labelled_groups for point in progress.points]
    now = progress.points[-1].labelled_groups
    axes.plot(*_sample_curve(curve, min(groups), now), color=_GREEN, label="learning curve")
    if not curve.next_groups:
        return
    after, expected = now + curve.next_groups, curve.next_error
    label = f"{curve.next_groups:,} groups more"
    axes.plot(*_sample_curve(curve, now, after), color=_GREEN, linestyle="--", label=label)
    axes.vlines(after, 1 - expected.interval.high, 1 - expected.interval.low, color=_GREEN)
    axes.plot(after, 1 - expected.value, "o", color=_GREEN, fillstyle="none")


def _sample_curve(curve: pb.LearningCurve, start: int, end: int) -> tuple[_Array, _Array]:
    """Numbers of groups, and the metric on the curve at each; both `(points,)`."""
    groups = np.linspace(start, end, _CURVE_POINTS)
    return groups, 1 - (curve.scale * groups**-curve.exponent + curve.floor)


def _save(figure: Figure, path: Path) -> None:
    formats = figure.canvas.get_supported_filetypes()
    suffix = path.suffix.removeprefix(".").lower()
    if suffix not in formats:
        accepted = ", ".join(f".{extension}" for extension in sorted(formats))
        raise InvalidArgument.of("path", f"{str(path)!r} is none of {accepted}")
    try:
        figure.savefig(path)
    except OSError as error:
        raise InvalidArgument.of("path", f"{path} cannot be written: {error}") from error
