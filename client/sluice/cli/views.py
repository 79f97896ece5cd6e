"""`sluice views`: saved filters of a dataset."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sluice.cli.arguments import Dataset, DisplayName, Json, NewId, Project
from sluice.cli.completion import completer
from sluice.cli.connection import connection
from sluice.cli.filters import (
    Failures,
    Fields,
    FilterOptions,
    RoundId,
    Splits,
    Statuses,
    Tags,
    split_word,
    status_word,
)
from sluice.cli.output import ColumnNames, show, show_one, show_text
from sluice.cli.tables import ResourceCell
from sluice.resources.kinds import VIEW
from sluice.v1 import dataset_frame_pb2 as pb


def _filter_words(view: Any) -> str:
    frame_filter = view.filter
    parts = [
        *(f"status {status_word(pb.DatasetFrame(status=s))}" for s in frame_filter.statuses),
        *(f"split {split_word(split) or 'none'}" for split in frame_filter.splits),
        *(f"tag {tag}" for tag in frame_filter.tags),
        *(f"field {condition.field}" for condition in frame_filter.fields),
        *([f"failures of {frame_filter.round}"] if frame_filter.round else []),
    ]
    return ", ".join(parts) or "all"


COLUMNS = [
    ("view", lambda v: ResourceCell(v.name)),
    ("called", lambda v: v.display_name),
    ("shows", _filter_words),
]


def save_view(
    context: typer.Context,
    dataset: Dataset,
    view_id: NewId,
    called: DisplayName = "",
    statuses: Statuses = None,
    splits: Splits = None,
    tags: Tags = None,
    fields: Fields = None,
    round_id: RoundId = "",
    failures: Failures = None,
    project: Project = "",
    json: Json = False,
) -> None:
    """Save a filter as a view.

    Example: sluice views save DATASET night --tag night
    """
    options = FilterOptions(statuses, splits, tags, fields, round_id, failures)
    with connection(context).client(project) as client:
        view = client.datasets.save_view(dataset, view_id, options.to_proto(), called)
        show_one(view, COLUMNS, to_json=json)


def list_views(
    context: typer.Context,
    dataset: Dataset,
    columns: ColumnNames = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """List the views of a dataset.

    Example: sluice views list DATASET
    """
    with connection(context).client(project) as client:
        show(client.datasets.views(dataset), COLUMNS, to_json=json, names=columns)


def delete_view(
    context: typer.Context,
    view: Annotated[
        str,
        typer.Argument(
            help="A view: DATASET/ID, or its id or display name.", autocompletion=completer(VIEW)
        ),
    ],
    project: Project = "",
    json: Json = False,
) -> None:
    """Delete a view; its frames stay.

    Example: sluice views delete VIEW
    """
    with connection(context).client(project) as client:
        name = client.datasets.view(view).name
        client.datasets.delete_view(name)
    show_text(f"deleted {name}", {"name": name}, to_json=json)
