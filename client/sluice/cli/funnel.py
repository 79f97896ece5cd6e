"""`sluice funnel`: what became of every frame that a campaign has scored."""

from __future__ import annotations

import typer
from rich.table import Table

from sluice.cli.arguments import Campaign, Json, Project
from sluice.cli.connection import connection
from sluice.cli.json_output import as_json, print_json
from sluice.cli.output import console

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
    for name, indent in _ROWS:
        table.add_row(indent + name.replace("_", " "), f"{getattr(counts, name):,}")
    table.add_row("collection rate", f"{counts.collection_rate:.2%}")
    table.add_row("  of distinct frames", f"{counts.collection_rate_distinct:.2%}")
    console.print(table)
