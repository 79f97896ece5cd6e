"""`sluice funnel`: what became of every frame that a campaign has scored."""

from __future__ import annotations

from collections.abc import Iterator

import typer
from rich.table import Table

from sluice.cli.arguments import Campaign, Json, Project
from sluice.cli.connection import connection
from sluice.cli.json_output import as_json, print_json
from sluice.cli.output import console
from sluice.v1 import ingest_pb2

_ROWS = [
    ("seen", ""),
    ("distinct_seen", ""),
    ("not_selected", ""),
    ("matches", ""),
    *(
        (verdict, "  ")
        for verdict in (
            "duplicate",
            "over_budget",
            "inactive",
            "score_mismatch",
            "pending",
            "near_duplicate",
            "collected",
        )
    ),
    ("accepted", ""),
    ("discarded", ""),
]


def funnel(
    context: typer.Context, campaign: Campaign, project: Project = "", json: Json = False
) -> None:
    """Show what became of every frame that a campaign has scored.

    Example: sluice funnel CAMPAIGN
    """
    with connection(context).client(project) as client:
        counts = client.samples.funnel(campaign)
    if json:
        print_json(as_json(counts))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    for row in read_rows(counts):
        table.add_row(*row)
    console.print(table)


def read_rows(counts: ingest_pb2.Funnel) -> Iterator[tuple[str, str]]:
    """Name and figure of each row; an estimate begins with "about"."""
    about = "" if counts.distinct_seen_exact else "about "
    for name, indent in _ROWS:
        prefix = about if name == "distinct_seen" else ""
        yield indent + name.replace("_", " "), f"{prefix}{getattr(counts, name):,}"
    yield "collection rate", f"{counts.collection_rate:.2%}"
    yield "  of distinct frames", f"{about}{counts.collection_rate_distinct:.2%}"
