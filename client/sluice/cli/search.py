"""`sluice datasets similar`, `pick` and `search`: find frames of a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated
from uuid import UUID, uuid4

import typer

from sluice import errors
from sluice.cli.arguments import Dataset, FrameIds, Issue, Json, Project, Threshold
from sluice.cli.connection import connection, exit_interrupted
from sluice.cli.filters import (
    Fields,
    FilterOptions,
    Splits,
    Statuses,
    Tags,
    split_word,
    status_word,
)
from sluice.cli.json_output import as_json, print_json
from sluice.cli.missing_background import warn_of_version
from sluice.cli.output import ColumnNames, console, show, show_one, stderr_console
from sluice.client import CollectionClient
from sluice.names import DatasetName, ProjectName
from sluice.resources.kinds import CAMPAIGN
from sluice.state import read_active
from sluice.v1 import dataset_frame_pb2 as pb

HITS = [
    ("frame", lambda h: h.frame.frame.id),
    ("similarity", lambda h: f"{h.similarity:.3f}"),
    ("crop", lambda h: h.label_id),
    ("similar to", lambda h: h.similar_to),
    ("status", lambda h: status_word(h.frame)),
    ("split", lambda h: split_word(h.frame.split)),
]
PICKED = [
    (name.removesuffix("_count"), lambda p, name=name: getattr(p, name))
    for name in ("added_count", "replaced_count", "unchanged_count", "element_count")
]


def similar(
    context: typer.Context,
    dataset: Dataset,
    frame_ids: Annotated[list[str], typer.Argument(help="Ids of the query frames.")],
    query_dataset: Annotated[
        str, typer.Option("--of", help="The query frames' dataset; default DATASET.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Maximum number of frames.")] = 20,
    statuses: Statuses = None,
    splits: Splits = None,
    tags: Tags = None,
    fields: Fields = None,
    columns: ColumnNames = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """Find the frames most similar to given frames.

    Example: sluice datasets similar DATASET FRAME --limit 5
    """
    frame_filter = FilterOptions(statuses, splits, tags, fields).to_proto()
    with connection(context).client(project) as client:
        hits = client.datasets.similar(
            dataset, frame_ids, limit=limit, frame_filter=frame_filter, query_dataset=query_dataset
        )
        show(hits, HITS, to_json=json, names=columns)


def pick(
    context: typer.Context,
    dataset: Dataset,
    issue: Issue,
    frame_ids: FrameIds,
    project: Project = "",
    json: Json = False,
) -> None:
    """Add frames to an issue, with their stored embeddings.

    Example: sluice datasets pick DATASET ISSUE FRAME
    """
    with connection(context).client(project) as client:
        show_one(client.datasets.pick(dataset, issue, frame_ids), PICKED, to_json=json)


def search(
    context: typer.Context,
    dataset: Dataset,
    campaigns: Annotated[
        list[str] | None,
        typer.Option("--campaign", help="Only this campaign; may be repeated."),
    ] = None,
    search_id: Annotated[
        UUID | None, typer.Option("--id", help="Resumes the search with this UUID.")
    ] = None,
    threshold: Threshold = None,
    project: Project = "",
    json: Json = False,
) -> None:
    """Search a dataset with the active campaigns: count all frames, collect the matches.

    Example: sluice datasets search DATASET --campaign CAMPAIGN
    """
    id = search_id or uuid4()
    with connection(context).client(project) as client:
        _warn_without_background(client, dataset, campaigns)
        *_, last = _resumable(
            id,
            client.datasets.search(
                dataset, search_id=str(id), campaigns=campaigns or (), threshold=threshold
            ),
        )
    if json:
        print_json({"search_id": str(id), **as_json(last)})
        return
    console.print(f"{last.frames:,} frames, {last.passing:,} match", highlight=False)
    for verdict in last.verdicts:
        line = f"{verdict.campaign}: {verdict.count:,} {verdict.verdict.replace('_', ' ')}"
        console.print(line, soft_wrap=True, highlight=False)


def _warn_without_background(
    client: CollectionClient, dataset: str, campaigns: list[str] | None
) -> None:
    """Warn of the active campaigns of a search whose versions were made without a background."""
    project = str(ProjectName(DatasetName.parse(client.names.dataset(dataset)).project))
    names = client.names.find_all(CAMPAIGN, campaigns or [], parent=project)
    for active in read_active(client.channel, project):
        if not names or active.campaign in names:
            warn_of_version(active.campaign, active.version, is_set=False)


def _resumable(
    id: UUID, responses: Iterator[pb.SearchDatasetResponse]
) -> Iterator[pb.SearchDatasetResponse]:
    """The responses of a search; if they end early, print how far it came and how to resume it."""
    frames = 0
    try:
        for response in responses:
            frames = response.frames
            yield response
    except KeyboardInterrupt:
        exit_interrupted(f"interrupted after {frames:,} frames; resume with --id {id}")
    except errors.SluiceError:
        if frames:
            text = f"stopped after {frames:,} frames; resume with --id {id}"
            stderr_console.print(text, highlight=False, soft_wrap=True)
        raise
