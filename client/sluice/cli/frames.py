"""`sluice datasets …`: the frames of a dataset, and what is said of them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from sluice.append_file import Placement, append_file
from sluice.cli import datasets
from sluice.cli.arguments import Dataset, Json, Mapping, Metadata, columns_of
from sluice.cli.context import connection
from sluice.cli.filters import (
    Chosen,
    Failures,
    Fields,
    OfRound,
    Split,
    Splits,
    Status,
    Statuses,
    Tags,
    failures_of,
    split_word,
    status_of,
)
from sluice.cli.output import say, show, show_one

app = datasets.app

COLUMNS = [
    ("frame", lambda f: f.frame.id),
    ("group", lambda f: f.group),
    ("slice", lambda f: f.slice),
    ("status", status_of),
    ("split", lambda f: split_word(f.split)),
    ("labels", lambda f: len(f.frame.labels)),
    ("tags", lambda f: ", ".join(f.tags)),
    ("failures", failures_of),
]
COUNTS = [
    (name, lambda counts, name=name: f"{getattr(counts, name):,}")
    for name in (
        "frames",
        "groups",
        "unlabelled",
        "selected",
        "annotated",
        "reviewed",
        "train",
        "validation",
        "test",
        "golden",
    )
] + [("embeddings", lambda c: f"{c.model_id} ({c.dimension})" if c.model_id else "")]

Frames = Annotated[list[str], typer.Argument(help="Frame ids.")]


@app.command()
def append(
    context: typer.Context,
    dataset: Dataset,
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="Frames: .parquet, .arrow, .ipc, .npz or .jsonl; .json: COCO, with labels.",
        ),
    ],
    model_id: Annotated[str, typer.Option(help="The embedding model; COCO has none.")] = "",
    group: Annotated[str, typer.Option(help="The column that names the scene.")] = "",
    view: Annotated[str, typer.Option("--slice", help="The column that names the slice.")] = "",
    status: Annotated[Status, typer.Option(help="Of new groups.")] = Status.UNLABELLED,
    split: Annotated[Split, typer.Option(help="Of new groups.")] = Split.NONE,
    mapping: Mapping = None,
    metadata: Metadata = None,
    json: Json = False,
) -> None:
    """Append the frames of a file; those that are there already change nothing.

    Columns that are not known become fields. Labels of a COCO file go to the frames of its images,
    which keep the embeddings that they have.

    Example: sluice datasets append DATASET corpus.parquet --model-id resnet50-v2
    """
    with connection(context).client() as client:
        done = append_file(
            client.datasets,
            dataset,
            file,
            columns_of(mapping, metadata),
            model_id=model_id,
            placement=Placement(group, view, status, split),
        )
    said = f"{done.added:,} added, {done.replaced:,} replaced, {done.unchanged:,} unchanged"
    document = {"added": done.added, "replaced": done.replaced, "unchanged": done.unchanged}
    say(said, document, to_json=json)


@app.command()
def counts(context: typer.Context, dataset: Dataset, json: Json = False) -> None:
    """Count groups by status and split: unlabelled is what remains.

    Example: sluice datasets counts DATASET
    """
    with connection(context).client() as client:
        show_one(client.datasets.counts(dataset), COUNTS, to_json=json)


@app.command()
def frames(
    context: typer.Context,
    dataset: Dataset,
    statuses: Statuses = None,
    splits: Splits = None,
    tags: Tags = None,
    fields: Fields = None,
    of_round: OfRound = "",
    failures: Failures = None,
    view: Annotated[str, typer.Option(help="A saved view, in place of all that.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    json: Json = False,
) -> None:
    """List the frames of a dataset that pass all that is said.

    Example: sluice datasets frames DATASET --status unlabelled --limit 10
    """
    chosen = Chosen(statuses, splits, tags, fields, of_round, failures)
    with connection(context).client() as client:
        wanted = None if view else chosen.filter()
        found = client.datasets.frames(dataset, wanted, view=view)
        show(islice(found, limit), COLUMNS, to_json=json)


@app.command()
def status(
    context: typer.Context,
    dataset: Dataset,
    wanted: Annotated[Status, typer.Argument(help="Their status from now on.")],
    groups: Annotated[list[str], typer.Argument(help="Groups: frame ids, if there are no scenes.")],
    allow_backward: Annotated[
        bool, typer.Option("--allow-backward", help="Back to an earlier status, too.")
    ] = False,
    json: Json = False,
) -> None:
    """Move groups on to a status.

    Example: sluice datasets status DATASET selected FRAME
    """
    with connection(context).client() as client:
        changed = client.datasets.set_status(dataset, groups, wanted, allow_backward=allow_backward)
    _changed(changed, to_json=json)


@app.command()
def tag(
    context: typer.Context,
    dataset: Dataset,
    frame_ids: Frames,
    add: Annotated[list[str] | None, typer.Option(help="A tag; may be repeated.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="A tag; may be repeated.")] = None,
    json: Json = False,
) -> None:
    """Add tags to frames, and remove others.

    Example: sluice datasets tag DATASET FRAME --add night
    """
    with connection(context).client() as client:
        changed = client.datasets.tag(dataset, frame_ids, add=add or (), remove=remove or ())
    _changed(changed, to_json=json)


@app.command("split")
def assign_splits(
    context: typer.Context,
    dataset: Dataset,
    shares: Annotated[
        list[str], typer.Option("--share", metavar="SPLIT=SHARE", help="All together 1.")
    ],
    seed: Annotated[int, typer.Option(min=0, help="The same seed, the same splits.")] = 0,
    statuses: Statuses = None,
    json: Json = False,
) -> None:
    """Give groups without a split one, at random, each class its share; others keep theirs.

    Example: sluice datasets split DATASET --share train=0.8 --share validation=0.2
    """
    wanted = dict(map(_share, shares))
    with connection(context).client() as client:
        made = client.datasets.assign_splits(dataset, wanted, seed=seed, statuses=statuses or ())
        show_one(made, COUNTS, to_json=json)


def _share(text: str) -> tuple[str, float]:
    split, _, share = text.partition("=")
    try:
        return split, float(share)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not SPLIT=SHARE") from None


def _changed(count: int, *, to_json: bool) -> None:
    say(f"{count} changed", {"changed_count": count}, to_json=to_json)
