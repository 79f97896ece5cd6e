"""Plots of the progress of a dataset."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sluice.errors import FailedPrecondition, InvalidArgument
from sluice.plots import draw_progress
from sluice.v1 import progress_pb2 as pb
from sluice.v1.golden_set_pb2 import Interval

PNG = b"\x89PNG\r\n\x1a\n"


def progress(*, target: float | None = None, next_groups: int = 0) -> pb.DatasetProgress:
    """The progress of four rounds with the curve error(n) = 2 · n^−0.5."""
    curve = pb.LearningCurve(scale=2, exponent=0.5, next_groups=next_groups)
    if next_groups:
        interval = Interval(low=0.03, high=0.06)
        curve.next_error.CopyFrom(pb.CurveEstimate(value=0.045, interval=interval))
    return pb.DatasetProgress(
        dataset="projects/p/datasets/d",
        points=[
            pb.MetricPoint(
                round=number,
                labelled_groups=size,
                mean=1 - 2 * size**-0.5,
                interval=Interval(low=0.9 - 2 * size**-0.5, high=1),
            )
            for number, size in enumerate([100, 200, 400, 800], 1)
        ],
        curve=curve,
        target=pb.TargetStanding(target=target) if target else None,
    )


def words(path: Path) -> set[str]:
    """The texts of an SVG picture; matplotlib writes each one in a comment."""
    return set(re.findall(r"<!-- (.*?) -->", path.read_text()))


def test_rounds_curve_and_target_are_drawn(tmp_path: Path) -> None:
    """The plot has the round numbers, the curve, the next batch and the target."""
    path = tmp_path / "p.svg"
    draw_progress(progress(target=0.9, next_groups=1_200), path)
    labels = {"rounds", "learning curve", "1,200 groups more", "target 0.9"}

    assert {"1", "2", "3", "4", *labels, "projects/p/datasets/d"} <= words(path)


def test_missing_parts_are_not_drawn(tmp_path: Path) -> None:
    """Without a curve, a target or a next batch, the plot omits it."""
    path, report = tmp_path / "p.svg", progress()
    draw_progress(report, path)
    assert not {"1,200 groups more", "target 0.9"} & words(path)
    assert "learning curve" in words(path)

    report.ClearField("curve")
    draw_progress(report, path)
    assert "learning curve" not in words(path)


def test_the_file_has_the_format_that_its_name_says(tmp_path: Path) -> None:
    """A file named .png is a PNG."""
    draw_progress(progress(), tmp_path / "p.PNG")
    assert PNG == (tmp_path / "p.PNG").read_bytes()[: len(PNG)]


@pytest.mark.parametrize(
    ("name", "message"), [("p.docx", "is none of ."), ("none/p.png", "cannot be written")]
)
def test_invalid_files_are_named(tmp_path: Path, name: str, message: str) -> None:
    """An unsupported format or a missing folder is an invalid argument."""
    with pytest.raises(InvalidArgument, match=re.escape(message)) as raised:
        draw_progress(progress(), tmp_path / name)
    assert "path" == raised.value.fields[0].field


def test_without_a_round_there_is_nothing_to_draw(tmp_path: Path) -> None:
    """An empty plot would be misleading, so it raises an error."""
    with pytest.raises(FailedPrecondition, match="no round of projects/p/datasets/d"):
        draw_progress(pb.DatasetProgress(dataset="projects/p/datasets/d"), tmp_path / "p.png")


def test_without_matplotlib_the_error_names_the_extra() -> None:
    """Only the plots need matplotlib; the error names the extra to install."""
    program = """
import sys
sys.modules["matplotlib"] = None
import sluice, sluice.cli.app
try:
    import sluice.plots
except sluice.errors.FailedPrecondition as error:
    print(error.message)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "pictures need matplotlib: pip install 'sluice-client[plot]'\n" == done.stdout
