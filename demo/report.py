"""What the demo leaves: tables for people, a picture, and `demo-report.json` for programs."""

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
from demo.job import Outcome, Scanned
from demo.picture import Find, draw_contact_sheet
from demo.tables import print_funnel, print_quality, print_samples
from demo.truth import Quality, judge

BEST_SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where the demo puts things: all in `work`, but for the report."""

    work: Path
    report: Path

    @property
    def frames(self) -> Path:
        """The folder of the pictures."""
        return self.work / "frames"

    @property
    def data(self) -> Path:
        """The folder that sluiced keeps everything in."""
        return self.work / "sluice-data"

    @property
    def log(self) -> Path:
        """What sluiced had to say."""
        return self.work / "sluiced.log"

    @property
    def picture(self) -> Path:
        """The contact sheet."""
        return self.work / "demo.png"


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What each frame truly is, by number, and which ones a perfect scan would find."""

    source: Source
    failures: Failures
    is_hard: NDArray[np.bool_]

    @classmethod
    def of(cls, source: Source, failures: Failures) -> Truth:
        """Compare all predictions with the truth."""
        digits = source.digits
        predictions = source.classifier.predict(digits.pixels(np.arange(len(digits.truth))))
        return cls(source, failures, predictions != digits.truth)

    def judge(self, scanned: Scanned) -> Quality:
        """How good the samples collected so far are."""
        digits = self.source.digits
        is_member = digits.truth == self.failures.class_id
        return judge(scanned.numbers, digits.archive, is_member, self.is_hard)


def tell(console: Console, outcome: Outcome, truth: Truth, paths: Paths) -> None:
    """Print what came of the job, draw the picture, and say where everything lies."""
    class_name = str(truth.failures.class_id)
    print_funnel(console, outcome)
    print_samples(console, outcome.first.samples[:BEST_SHOWN], truth.source.digits.truth)
    qualities = {
        "first scan": truth.judge(outcome.first),
        f"after version {outcome.version.number}": truth.judge(outcome.second),
    }
    print_quality(console, class_name, qualities)
    draw_picture(outcome, truth, paths.picture)
    console.print(
        f"contact sheet  {paths.picture}\n"
        f"frames         {paths.frames}\n"
        f"Sluice's data  {paths.data}, its log {paths.log}\n"
        f"report         {paths.report}",
        soft_wrap=True,
    )


def draw_picture(outcome: Outcome, truth: Truth, target: Path) -> None:
    """Draw the issue beside the best samples of the first scan."""
    digits = truth.source.digits
    finds = [
        Find(
            picture=digits.path(number_of(sample.frame.id)),
            prediction=sample.frame.metadata["prediction"].text,
            score=sample.score,
            nearest=digits.path(number_of(sample.explanation.neighbours[0].frame_id)),
        )
        for sample in outcome.first.samples
    ]
    elements = [digits.path(int(number)) for number in truth.failures.frames]
    draw_contact_sheet(f"Issue: {truth.failures.title}", elements, finds, target)


def write_report(outcome: Outcome, truth: Truth, path: Path) -> None:
    """Write the figures: of the first scan at the top, of the others under their own keys."""
    digits = truth.source.digits
    report = {
        **_figures(outcome.first, truth),
        "class": truth.failures.class_id,
        "elements": len(truth.failures.frames),
        "frames": {
            "labelled": len(digits.labelled),
            "validation": len(digits.validation),
            "archive": len(digits.archive),
        },
        "overlapping_scan": _figures(outcome.overlap, truth),
        "second_version": {
            "version": outcome.version.number,
            "elements": outcome.version.element_count,
            **_figures(outcome.second, truth),
        },
    }
    path.write_text(json.dumps(report, indent=2) + "\n")


def _figures(scanned: Scanned, truth: Truth) -> dict[str, Any]:
    """The funnel's numbers and the quality of the samples so far."""
    funnel = scanned.funnel
    scalars = (f.name for f in funnel.DESCRIPTOR.fields if f.message_type is None)
    return {
        "funnel": {name: getattr(funnel, name) for name in scalars},
        "collection_rate": funnel.collection_rate,
        "collection_rate_distinct": funnel.collection_rate_distinct,
        **asdict(truth.judge(scanned)),
    }
