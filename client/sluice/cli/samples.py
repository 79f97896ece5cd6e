"""`sluice samples`: the collected frames, and their review."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

import typer

from sluice.cli.arguments import Campaign, FrameIds, Json, Project
from sluice.cli.connection import connection
from sluice.cli.deletions import DryRun, show_deletion
from sluice.cli.frame_columns import frame_columns
from sluice.cli.output import ColumnNames, show, show_one
from sluice.cli.reviews import SampleStateOption
from sluice.cli.tables import ResourceCell
from sluice.v1 import ingest_pb2


def _state(sample: Any) -> str:
    return ingest_pb2.Sample.State.Name(sample.state).removeprefix("STATE_").lower()


def _nearest(sample: Any) -> str:
    return ", ".join(f"{n.frame_id} {n.similarity:.2f}" for n in sample.explanation.neighbours)


def _cluster(sample: Any) -> str:
    explanation = sample.explanation
    return f"{explanation.cluster}, of {explanation.cluster_size}"


def _runner_up(sample: Any) -> str:
    explanation = sample.explanation
    return (
        f"{explanation.margin_to_runner_up:+.3f} ({explanation.runner_up})"
        if explanation.runner_up
        else "none"
    )


COLUMNS = [
    ("frame", lambda s: s.frame.id),
    ("score", lambda s: f"{s.score:.3f}"),
    ("version", lambda s: s.version),
    ("state", _state),
    ("cluster", _cluster),
    ("nearest elements", _nearest),
]
MORE = [
    *frame_columns(lambda s: s.frame),
    ("crop", lambda s: s.explanation.label_id),
    ("logger", lambda s: s.logger),
    ("sample", lambda s: ResourceCell(s.name)),
]
DETAILS = [
    *COLUMNS,
    ("crop", lambda s: s.explanation.label_id or "the whole frame"),
    ("distance", lambda s: f"{s.explanation.distance:.2f} (radius {s.explanation.radius:.2f})"),
    ("over threshold", lambda s: f"{s.explanation.margin_to_threshold:+.3f}"),
    ("over runner-up", _runner_up),
    *frame_columns(lambda s: s.frame),
    ("logger", lambda s: s.logger),
]


def list_samples(
    context: typer.Context,
    campaign: Campaign,
    by_version: Annotated[bool, typer.Option("--by-version", help="Newest version first.")] = False,
    state: Annotated[
        list[SampleStateOption] | None,
        typer.Option(help="Only samples in this state; may be repeated."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of samples.")] = 50,
    columns: ColumnNames = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """List the samples of a campaign, best first.

    Example: sluice samples list CAMPAIGN --limit 10
    """
    with connection(context).client(project) as client:
        samples = client.samples.list(campaign, by_version=by_version, states=state or ())
        show(islice(samples, limit), COLUMNS, to_json=json, more=MORE, names=columns)


def show_sample(
    context: typer.Context,
    campaign: Campaign,
    frame_id: Annotated[
        str, typer.Argument(metavar="FRAME", help="A frame id; not after a sample's resource name.")
    ] = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """Show one sample, and why it was collected.

    Example: sluice samples show CAMPAIGN FRAME
    """
    with connection(context).client(project) as client:
        show_one(client.samples.get(campaign, frame_id), DETAILS, to_json=json)


def delete_samples(
    context: typer.Context,
    campaign: Campaign,
    frame_ids: FrameIds,
    dry_run: DryRun = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Delete samples of a campaign; the counts of the funnel stay.

    The frames are not collected again. To delete their other copies too, use
    sluice projects delete-frames.

    Example: sluice samples delete CAMPAIGN FRAME --dry-run
    """
    with connection(context).client(project) as client:
        summary = client.samples.delete(campaign, frame_ids, validate_only=dry_run)
        show_deletion(summary, to_json=json)
