"""`sluice datasets append`, `frames`, `counts`, `status`, `tag` and `split`."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from sluice.cli.arguments import Dataset, FrameIds, Json, Project, Seed
from sluice.cli.connection import connection
from sluice.cli.filters import (
    Failures,
    Fields,
    FilterOptions,
    RoundId,
    Splits,
    Statuses,
    StatusOption,
    Tags,
    failure_words,
    split_word,
    status_word,
)
from sluice.cli.frame_columns import frame_columns, metadata_words
from sluice.cli.output import ColumnNames, show, show_one, show_text

COLUMNS = [
    ("frame", lambda f: f.frame.id),
    ("group", lambda f: f.group),
    ("slice", lambda f: f.slice),
    ("status", status_word),
    ("split", lambda f: split_word(f.split)),
    ("labels", lambda f: len(f.frame.labels)),
    ("tags", lambda f: ", ".join(f.tags)),
    ("failures", failure_words),
]
MORE = [
    *frame_columns(lambda f: f.frame),
    ("fields", lambda f: metadata_words(f.fields)),
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


def counts(
    context: typer.Context, dataset: Dataset, project: Project = "", json: Json = False
) -> None:
    """Count the groups of a dataset by status and split.

    Example: sluice datasets counts DATASET
    """
    with connection(context).client(project) as client:
        show_one(client.datasets.counts(dataset), COUNTS, to_json=json)


def list_frames(
    context: typer.Context,
    dataset: Dataset,
    statuses: Statuses = None,
    splits: Splits = None,
    tags: Tags = None,
    fields: Fields = None,
    round_id: RoundId = "",
    failures: Failures = None,
    view: Annotated[str, typer.Option(help="A saved view; replaces the filter options.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of frames.")] = 50,
    columns: ColumnNames = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """List the frames of a dataset that pass all filter options.

    Example: sluice datasets frames DATASET --status unlabelled --limit 10
    """
    options = FilterOptions(statuses, splits, tags, fields, round_id, failures)
    frame_filter = None if view else options.to_proto()
    with connection(context).client(project) as client:
        frames = client.datasets.frames(dataset, frame_filter, view=view)
        show(islice(frames, limit), COLUMNS, to_json=json, more=MORE, names=columns)


def set_status(
    context: typer.Context,
    dataset: Dataset,
    status: Annotated[StatusOption, typer.Argument(help="The new status.")],
    groups: Annotated[list[str], typer.Argument(help="Group ids; without scenes, frame ids.")],
    allow_backward: Annotated[
        bool, typer.Option("--allow-backward", help="Allow an earlier status.")
    ] = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Set the status of groups.

    Example: sluice datasets status DATASET selected FRAME
    """
    with connection(context).client(project) as client:
        changed = client.datasets.set_status(dataset, groups, status, allow_backward=allow_backward)
    _show_changed(changed, to_json=json)


def tag(
    context: typer.Context,
    dataset: Dataset,
    frame_ids: FrameIds,
    add: Annotated[list[str] | None, typer.Option(help="A tag to add; may be repeated.")] = None,
    remove: Annotated[
        list[str] | None, typer.Option(help="A tag to remove; may be repeated.")
    ] = None,
    project: Project = "",
    json: Json = False,
) -> None:
    """Add tags to frames, or remove them.

    Example: sluice datasets tag DATASET FRAME --add night
    """
    with connection(context).client(project) as client:
        changed = client.datasets.tag(dataset, frame_ids, add=add or (), remove=remove or ())
    _show_changed(changed, to_json=json)


def assign_splits(
    context: typer.Context,
    dataset: Dataset,
    shares: Annotated[
        list[str],
        typer.Option("--share", metavar="SPLIT=SHARE", help="The share of a split; they sum to 1."),
    ],
    seed: Seed = 0,
    statuses: Statuses = None,
    project: Project = "",
    json: Json = False,
) -> None:
    """Assign groups without a split to splits at random, stratified by class.

    Example: sluice datasets split DATASET --share train=0.8 --share validation=0.2
    """
    share_by_split = dict(map(_parse_share, shares))
    with connection(context).client(project) as client:
        counts = client.datasets.assign_splits(
            dataset, share_by_split, seed=seed, statuses=statuses or ()
        )
        show_one(counts, COUNTS, to_json=json)


def _parse_share(text: str) -> tuple[str, float]:
    split, _, share = text.partition("=")
    try:
        return split, float(share)
    except ValueError:
        raise typer.BadParameter(f"{text!r}: expected SPLIT=SHARE") from None


def _show_changed(count: int, *, to_json: bool) -> None:
    show_text(f"{count} changed", {"changed_count": count}, to_json=to_json)
