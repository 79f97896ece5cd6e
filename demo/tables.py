"""The demo's tables: where every frame went, why samples were collected, how good they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from demo.frames import number_of
from demo.job import Outcome
from demo.truth import Quality
from sluice.v1 import ingest_pb2

# What becomes of a match; the numbers add up to the matches.
VERDICTS = {
    "duplicate": "known already",
    "over_budget": "budget used up",
    "inactive": "campaign was off",
    "score_mismatch": "ingest disagrees",
    "pending": "not yet decided",
    "near_duplicate": "too like a sample",
    "collected": "are samples",
}


def print_funnel(console: Console, outcome: Outcome) -> None:
    """Account for every frame, after each scan."""
    table = _table("\nWhere every frame went")
    funnels = {
        "first scan": outcome.first.funnel,
        "+ overlap": outcome.overlap.funnel,
        f"+ version {outcome.version.number}": outcome.second.funnel,
    }
    table.add_column("")
    for heading in funnels:
        table.add_column(heading, justify="right")
    table.add_column("", style="dim")
    for name, meaning in (
        ("seen", "scans, not frames"),
        ("distinct_seen", "frames, estimated"),
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
    """Show samples, each with why it was collected; `truth` is each frame's class by number."""
    table = _table("The best samples, and why")
    for heading in ("frame", "score", "taken\nfor", "truly", "cluster", "distance\n/ radius"):
        table.add_column(heading, justify="right")
    table.add_column("nearest elements:similarity", justify="left")
    table.add_column("margin", justify="right")
    for sample in samples:
        why = sample.explanation
        table.add_row(
            f"{number_of(sample.frame.id):04d}",
            f"{sample.score:.3f}",
            sample.frame.metadata["prediction"].text,
            str(truth[number_of(sample.frame.id)]),
            f"{why.cluster}, of {why.cluster_size}",
            f"{why.distance:.2f} / {why.radius:.2f}",
            "  ".join(f"{number_of(n.frame_id):04d}:{n.similarity:.2f}" for n in why.neighbours),
            f"{why.margin_to_threshold:+.3f}",
        )
    console.print(table, "")


def print_quality(console: Console, class_name: str, qualities: dict[str, Quality]) -> None:
    """Compare what was collected with random selection of the same size, by the truth."""
    table = _table(
        "Against the truth, and random selection of as many (hard: the classifier is wrong)"
    )
    table.add_column("")
    for heading in qualities:
        table.add_column(heading, justify="right")
    table.add_column("", style="dim")
    rows = {
        "precision": f"samples that are {class_name}",
        "recall": f"found of all {class_name}",
        "precision_hard": "samples that are hard",
        "recall_hard": "found of all hard",
    }
    for name, meaning in rows.items():
        cells = (_beside_random(quality, name) for quality in qualities.values())
        table.add_row(name.replace("_hard", ", hard"), *cells, meaning)
    console.print(table, "")


def _beside_random(quality: Quality, name: str) -> str:
    share = getattr(quality, name)
    random = quality.recall_random if "recall" in name else getattr(quality, f"{name}_random")
    times = f"{share / random:.1f}×" if random else "–"
    return f"{share:.0%} : {random:.0%} = {times}"


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1))
