"""`sluice datasets …`: what is found among the frames of a dataset, and saved views."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID, uuid4

import typer

from sluice.cli import datasets
from sluice.cli.arguments import Dataset, Issue, Json
from sluice.cli.context import connection
from sluice.cli.filters import (
    Chosen,
    Failures,
    Fields,
    OfRound,
    Splits,
    Statuses,
    Tags,
    split_word,
    status_of,
)
from sluice.cli.output import as_json, complaints, console, print_json, say, show, show_one
from sluice.v1 import dataset_frame_pb2 as pb

app = datasets.app

HITS = [
    ("frame", lambda h: h.frame.frame.id),
    ("similarity", lambda h: f"{h.similarity:.3f}"),
    ("crop", lambda h: h.label_id),
    ("similar to", lambda h: h.similar_to),
    ("status", lambda h: status_of(h.frame)),
    ("split", lambda h: split_word(h.frame.split)),
]
PICKED = [
    (name.removesuffix("_count"), lambda p, name=name: getattr(p, name))
    for name in ("added_count", "replaced_count", "unchanged_count", "element_count")
]


def _shows(view: Any) -> str:
    wanted = view.filter
    said = [
        *(f"status {status_of(pb.DatasetFrame(status=each))}" for each in wanted.statuses),
        *(f"split {split_word(each) or 'none'}" for each in wanted.splits),
        *(f"tag {tag}" for tag in wanted.tags),
        *(f"field {each.field}" for each in wanted.fields),
        *([f"failures of {wanted.round}"] if wanted.round else []),
    ]
    return ", ".join(said) or "all"


VIEWS = [("view", lambda v: v.name), ("called", lambda v: v.display_name), ("shows", _shows)]


@app.command()
def similar(
    context: typer.Context,
    dataset: Dataset,
    frame_ids: Annotated[list[str], typer.Argument(help="Frames to find more like, by id.")],
    of: Annotated[str, typer.Option(help="The id of the dataset of those frames.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many.")] = 20,
    statuses: Statuses = None,
    splits: Splits = None,
    tags: Tags = None,
    fields: Fields = None,
    json: Json = False,
) -> None:
    """Find the frames most similar to given ones.

    Example: sluice datasets similar DATASET FRAME --limit 5
    """
    wanted = Chosen(statuses, splits, tags, fields).filter()
    with connection(context).client() as client:
        found = client.datasets.similar(
            dataset, frame_ids, limit=limit, wanted=wanted, query_dataset=of
        )
        show(found, HITS, to_json=json)


@app.command()
def pick(
    context: typer.Context,
    dataset: Dataset,
    issue: Issue,
    frame_ids: Annotated[list[str], typer.Argument(help="Frame ids.")],
    json: Json = False,
) -> None:
    """Put frames into an issue, with the embeddings that they have.

    Example: sluice datasets pick DATASET ISSUE FRAME
    """
    with connection(context).client() as client:
        show_one(client.datasets.pick(dataset, issue, frame_ids), PICKED, to_json=json)


@app.command()
def search(
    context: typer.Context,
    dataset: Dataset,
    campaigns: Annotated[
        list[str] | None,
        typer.Option("--campaign", help="Only this campaign; may be repeated."),
    ] = None,
    search_id: Annotated[
        UUID | None, typer.Option("--id", help="Goes on with the search of that UUID.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Goes before the campaigns' own.")
    ] = None,
    json: Json = False,
) -> None:
    """Search a dataset with the active campaigns: count all frames, and collect what matches.

    Example: sluice datasets search DATASET --campaign CAMPAIGN
    """
    named = search_id or uuid4()
    with connection(context).client() as client:
        if search_id is None:
            complaints.print(f"interrupted, it goes on with --id {named}", highlight=False)
        *_, last = client.datasets.search(
            dataset, search_id=str(named), campaigns=campaigns or (), threshold=threshold
        )
    if json:
        print_json({"search_id": str(named), **as_json(last)})
        return
    console.print(f"{last.frames:,} frames, {last.passing:,} match", highlight=False)
    for each in last.verdicts:
        said = f"{each.campaign}: {each.count:,} {each.verdict.replace('_', ' ')}"
        console.print(said, soft_wrap=True, highlight=False)


@app.command("save-view")
def save_view(
    context: typer.Context,
    dataset: Dataset,
    view: Annotated[str, typer.Argument(help="The id: a-z, 0-9 and -.")],
    called: Annotated[str, typer.Option(help="A name for people.")] = "",
    statuses: Statuses = None,
    splits: Splits = None,
    tags: Tags = None,
    fields: Fields = None,
    of_round: OfRound = "",
    failures: Failures = None,
    json: Json = False,
) -> None:
    """Save a filter under a name.

    Example: sluice datasets save-view DATASET night --tag night
    """
    wanted = Chosen(statuses, splits, tags, fields, of_round, failures).filter()
    with connection(context).client() as client:
        made = client.datasets.save_view(dataset, view, wanted, called)
        show_one(made, VIEWS, to_json=json)


@app.command()
def views(context: typer.Context, dataset: Dataset, json: Json = False) -> None:
    """List the views of a dataset.

    Example: sluice datasets views DATASET
    """
    with connection(context).client() as client:
        show(client.datasets.views(dataset), VIEWS, to_json=json)


@app.command("delete-view")
def delete_view(
    context: typer.Context,
    view: Annotated[str, typer.Argument(help="projects/…/datasets/…/views/…")],
    json: Json = False,
) -> None:
    """Delete a view; the frames stay.

    Example: sluice datasets delete-view VIEW
    """
    with connection(context).client() as client:
        client.datasets.delete_view(view)
    say(f"{view} is deleted", {"name": view}, to_json=json)
