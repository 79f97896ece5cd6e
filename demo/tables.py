"""The demo's tables: the funnel, the best samples with explanations, and their quality."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from demo.frames import number_of
from demo.job import JobResult
from demo.truth import Quality
from sluice.v1 import ingest_pb2

# The verdicts of matches; their counts add up to the matches.
VERDICTS = {
    "duplicate": "counted before",
    "over_budget": "budget used up",
    "inactive": "campaign inactive",
    "score_mismatch": "ingest scores differ",
    "pending": "not decided yet",
    "near_duplicate": "too similar",
    "collected": "samples",
}


def print_funnel(console: Console, result: JobResult) -> None:
    """Print what became of every frame, after each scan."""
    table = _table("\nWhere every frame went")
    funnels = {
        "first scan": result.first.funnel,
        "+ overlap": result.overlap.funnel,
        f"+ version {result.version.number}": result.second.funnel,
    }
    table.add_column("")
    for heading in funnels:
        table.add_column(heading, justify="right")
    table.add_column("", style="dim")
    for name, meaning in (
        ("seen", "repeats included"),
        ("distinct_seen", "repeats counted once"),
        ("matches", "at or over the threshold"),
        *VERDICTS.items(),
        ("accepted", "by review"),
        ("discarded", "by review"),
    ):
        indent = "  " if name in VERDICTS else ""
        counts = (f"{getattr(funnel, name):,}" for funnel in funnels.values())
        table.add_row(indent + name.replace("_", " "), *counts, meaning)
    for name, meaning in (
        ("collection_rate", "of seen"),
        ("collection_rate_distinct", "of distinct seen"),
    ):
        rates = (f"{getattr(funnel, name):.2%}" for funnel in funnels.values())
        table.add_row("collection rate", *rates, meaning)
    console.print(table, "")


def print_samples(
    console: Console, samples: Sequence[ingest_pb2.Sample], truth: NDArray[np.intp]
) -> None:
    """Print samples with their explanations; `truth` is each frame's class by number."""
    table = _table("The best samples, and why")
    for heading in ("frame", "score", "predicted", "true", "cluster", "distance\n/ radius"):
        table.add_column(heading, justify="right")
    table.add_column("nearest elements:similarity", justify="left")
    table.add_column("margin", justify="right")
    for sample in samples:
        explanation = sample.explanation
        table.add_row(
            f"{number_of(sample.frame.id):04d}",
            f"{sample.score:.3f}",
            sample.frame.metadata["prediction"].text,
            str(truth[number_of(sample.frame.id)]),
            f"{explanation.cluster}, of {explanation.cluster_size}",
            f"{explanation.distance:.2f} / {explanation.radius:.2f}",
            "  ".join(
                f"{number_of(n.frame_id):04d}:{n.similarity:.2f}" for n in explanation.neighbours
            ),
            f"{explanation.margin_to_threshold:+.3f}",
        )
    console.print(table, "")


def print_quality(console: Console, class_name: str, qualities: dict[str, Quality]) -> None:
    """Compare the samples with a random selection of the same size."""
    table = _table("Samples against as many random frames (hard: misclassified)")
    table.add_column("")
    for heading in qualities:
        table.add_column(heading, justify="right")
    table.add_column("", style="dim")
    rows = {
        "precision": f"samples that are {class_name}",
        "recall": f"of all {class_name}, collected",
        "precision_hard": "samples that are hard",
        "recall_hard": "of all hard, collected",
    }
    for name, meaning in rows.items():
        cells = (_compare_with_random(quality, name) for quality in qualities.values())
        table.add_row(name.replace("_hard", ", hard"), *cells, meaning)
    console.print(table, "")


def _compare_with_random(quality: Quality, name: str) -> str:
    share = getattr(quality, name)
    random = quality.recall_random if "recall" in name else getattr(quality, f"{name}_random")
    times = f"{share / random:.1f}×" if random else "–"
    return f"{share:.0%} : {random:.0%} = {times}"


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1))
