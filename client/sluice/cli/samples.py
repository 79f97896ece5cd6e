"""`sluice samples` and `sluice funnel`: what was collected, and what became of everything else."""

from __future__ import annotations

from enum import StrEnum
from itertools import islice
from typing import Annotated, Any

import typer
from rich.table import Table

from sluice.cli.arguments import Campaign, Json
from sluice.cli.context import connection
from sluice.cli.output import as_json, console, print_json, say, show, show_one
from sluice.v1 import ingest_pb2

app = typer.Typer(help="Samples: what was collected.", no_args_is_help=True)

Frames = Annotated[list[str], typer.Argument(help="Frame ids.")]


class State(StrEnum):
    """What a person has said of a sample."""

    UNSORTED = "unsorted"
    ACCEPTED = "accepted"
    DISCARDED = "discarded"


def _state(sample: Any) -> str:
    return ingest_pb2.Sample.State.Name(sample.state).removeprefix("STATE_").lower()


def _nearest(sample: Any) -> str:
    near = (f"{n.frame_id} {n.similarity:.2f}" for n in sample.explanation.neighbours)
    return ", ".join(near)


def _cluster(sample: Any) -> str:
    why = sample.explanation
    return f"{why.cluster}, of {why.cluster_size}"


def _runner_up(sample: Any) -> str:
    why = sample.explanation
    return f"{why.margin_to_runner_up:+.3f} ({why.runner_up})" if why.runner_up else "none"


COLUMNS = [
    ("frame", lambda s: s.frame.id),
    ("score", lambda s: f"{s.score:.3f}"),
    ("version", lambda s: s.version),
    ("state", _state),
    ("cluster", _cluster),
    ("nearest elements", _nearest),
]
DETAILS = [
    *COLUMNS,
    ("crop", lambda s: s.explanation.label_id or "the whole frame"),
    ("distance", lambda s: f"{s.explanation.distance:.2f} (radius {s.explanation.radius:.2f})"),
    ("over threshold", lambda s: f"{s.explanation.margin_to_threshold:+.3f}"),
    ("over runner-up", _runner_up),
    ("media", lambda s: ", ".join(sensor.url for sensor in s.frame.sensors)),
    ("logger", lambda s: s.logger),
]
_FUNNEL = [
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


@app.command("list")
def list_samples(
    context: typer.Context,
    campaign: Campaign,
    by_version: Annotated[bool, typer.Option("--by-version", help="Newest version first.")] = False,
    state: Annotated[
        list[State] | None, typer.Option(help="Only such samples; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    json: Json = False,
) -> None:
    """List the samples of a campaign, best first.

    Example: sluice samples list CAMPAIGN --limit 10
    """
    with connection(context).client() as client:
        found = client.samples.list(campaign, by_version=by_version, states=state or ())
        show(islice(found, limit), COLUMNS, to_json=json)


@app.command("show")
def show_sample(
    context: typer.Context,
    sample: Annotated[str, typer.Argument(help="projects/…/campaigns/…/samples/…")],
    json: Json = False,
) -> None:
    """Show one sample, and why it was taken.

    Example: sluice samples show SAMPLE
    """
    with connection(context).client() as client:
        show_one(client.samples.get(sample), DETAILS, to_json=json)


@app.command()
def accept(context: typer.Context, campaign: Campaign, frames: Frames, json: Json = False) -> None:
    """Mark samples as what the campaign looks for.

    Example: sluice samples accept CAMPAIGN FRAME
    """
    with connection(context).client() as client:
        _changed(client.samples.accept(campaign, frames), to_json=json)


@app.command()
def discard(context: typer.Context, campaign: Campaign, frames: Frames, json: Json = False) -> None:
    """Mark samples as not what the campaign looks for.

    Example: sluice samples discard CAMPAIGN FRAME
    """
    with connection(context).client() as client:
        _changed(client.samples.discard(campaign, frames), to_json=json)


@app.command()
def restore(context: typer.Context, campaign: Campaign, frames: Frames, json: Json = False) -> None:
    """Take back what was said of samples.

    Example: sluice samples restore CAMPAIGN FRAME
    """
    with connection(context).client() as client:
        _changed(client.samples.restore(campaign, frames), to_json=json)


def _changed(count: int, *, to_json: bool) -> None:
    say(f"{count} changed", {"changed_count": count}, to_json=to_json)


def funnel(context: typer.Context, campaign: Campaign, json: Json = False) -> None:
    """Show what became of every frame that a campaign's loggers have seen.

    Example: sluice funnel CAMPAIGN
    """
    with connection(context).client() as client:
        found = client.samples.funnel(campaign)
    if json:
        print_json(as_json(found))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    for name, indent in _FUNNEL:
        table.add_row(indent + name.replace("_", " "), f"{getattr(found, name):,}")
    table.add_row("collection rate", f"{found.collection_rate:.2%}")
    table.add_row("  of distinct frames", f"{found.collection_rate_distinct:.2%}")
    console.print(table)
