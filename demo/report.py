"""The results of the demo: tables, a picture, and `demo-report.json` for programs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from demo.classifier import Failures
from demo.frames import Source, number_of
from demo.job import JobResult, ScanResult
from demo.picture import SamplePicture, draw_contact_sheet
from demo.tables import print_funnel, print_quality, print_samples
from demo.truth import Quality, measure_quality

BEST_SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """The files that the demo writes: all in `work`, except the report."""

    work: Path
    report: Path

    @property
    def frames(self) -> Path:
        """The folder of the pictures."""
        return self.work / "frames"

    @property
    def data(self) -> Path:
        """The data folder of sluiced."""
        return self.work / "sluice-data"

    @property
    def log(self) -> Path:
        """The log of sluiced."""
        return self.work / "sluiced.log"

    @property
    def picture(self) -> Path:
        """The contact sheet."""
        return self.work / "demo.png"


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The true class of each frame, and the frames that the classifier gets wrong."""

    source: Source
    failures: Failures
    is_hard: NDArray[np.bool_]

    @classmethod
    def of(cls, source: Source, failures: Failures) -> Truth:
        """Compare all predictions with the true classes."""
        digits = source.digits
        predictions = source.classifier.predict(digits.pixels(np.arange(len(digits.truth))))
        return cls(source, failures, predictions != digits.truth)

    def measure(self, result: ScanResult) -> Quality:
        """Measure the quality of the samples collected so far."""
        digits = self.source.digits
        is_member = digits.truth == self.failures.class_id
        return measure_quality(result.numbers, digits.archive, is_member, self.is_hard)


def print_report(console: Console, result: JobResult, truth: Truth, paths: Paths) -> None:
    """Print the tables, draw the picture, and print the paths of all files."""
    class_name = str(truth.failures.class_id)
    print_funnel(console, result)
    print_samples(console, result.first.samples[:BEST_SHOWN], truth.source.digits.truth)
    qualities = {
        "first scan": truth.measure(result.first),
        f"after version {result.version.number}": truth.measure(result.second),
    }
    print_quality(console, class_name, qualities)
    draw_picture(result, truth, paths.picture)
    console.print(
        f"contact sheet  {paths.picture}\n"
        f"frames         {paths.frames}\n"
        f"Sluice's data  {paths.data}, its log {paths.log}\n"
        f"report         {paths.report}",
        soft_wrap=True,
    )


def draw_picture(result: JobResult, truth: Truth, target: Path) -> None:
    """Draw the issue beside the best samples of the first scan."""
    digits = truth.source.digits
    samples = [
        SamplePicture(
            picture=digits.path(number_of(sample.frame.id)),
            prediction=sample.frame.metadata["prediction"].text,
            score=sample.score,
            nearest=digits.path(number_of(sample.explanation.neighbours[0].frame_id)),
        )
        for sample in result.first.samples
    ]
    elements = [digits.path(int(number)) for number in truth.failures.frames]
    draw_contact_sheet(f"Issue: {truth.failures.title}", elements, samples, target)


def write_report(result: JobResult, truth: Truth, path: Path) -> None:
    """Write the figures of the first scan at the top level, of the others under their keys."""
    digits = truth.source.digits
    report = {
        **_figures(result.first, truth),
        "class": truth.failures.class_id,
        "elements": len(truth.failures.frames),
        "frames": {
            "labelled": len(digits.labelled),
            "validation": len(digits.validation),
            "archive": len(digits.archive),
        },
        "overlapping_scan": _figures(result.overlap, truth),
        "second_version": {
            "version": result.version.number,
            "elements": result.version.element_count,
            **_figures(result.second, truth),
        },
    }
    path.write_text(json.dumps(report, indent=2) + "\n")


def _figures(scan: ScanResult, truth: Truth) -> dict[str, Any]:
    """The counts of the funnel, and the quality of the samples so far."""
    funnel = scan.funnel
    scalars = (f.name for f in funnel.DESCRIPTOR.fields if f.message_type is None)
    return {
        "funnel": {name: getattr(funnel, name) for name in scalars},
        "collection_rate": funnel.collection_rate,
        "collection_rate_distinct": funnel.collection_rate_distinct,
        **asdict(truth.measure(scan)),
    }
