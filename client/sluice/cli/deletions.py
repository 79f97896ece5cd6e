"""What the commands that delete print."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from sluice.cli.output import Column, show_one
from sluice.v1 import deletion_pb2

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be deleted.")]

_COUNTS: Final = {
    "dataset_count": "datasets",
    "issue_count": "issues",
    "campaign_count": "campaigns",
    "api_key_count": "API keys",
    "round_count": "rounds",
    "batch_count": "batches",
    "golden_set_count": "golden sets",
    "frame_count": "frames of datasets",
    "sample_count": "matches of campaigns",
    "element_count": "elements of issues",
    "member_count": "members of snapshots",
    "prediction_count": "predictions",
    "pick_count": "picks of batches",
    "check_count": "golden checks",
}


def _column(field: str, title: str) -> Column:
    return title, lambda summary: f"{getattr(summary, field):,}"


def show_deletion(summary: deletion_pb2.DeletionSummary, *, to_json: bool) -> None:
    """Print what was deleted or, with --dry-run, would be; only counts that are not 0."""
    title = "would delete" if summary.validate_only else "deleted"
    counts = [_column(field, name) for field, name in _COUNTS.items() if getattr(summary, field)]
    names = ", ".join(name for name, _ in counts) or "nothing that is known"
    show_one(summary, [(title, lambda _: names), *counts], to_json=to_json)
