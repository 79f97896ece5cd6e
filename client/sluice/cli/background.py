"""`sluice background`: set the background of a space."""

from __future__ import annotations

import typer

from sluice.background import dimension_of, draw_background
from sluice.cli.arguments import Json, Model, Project
from sluice.cli.connection import connection
from sluice.cli.frame_files import (
    ColumnMapping,
    FramesFile,
    IdsAsText,
    Metadata,
    SkipBadRows,
    SkippedFile,
    TimeZone,
    parse_frame_files,
)
from sluice.cli.missing_background import warn_of_version
from sluice.cli.output import show_one
from sluice.state import read_active

COLUMNS = [
    ("embeddings", lambda s: f"{s.model_id} ({s.dimension})"),
    ("rows", lambda s: s.background_count),
    ("basis", lambda s: s.basis_digest[:12]),
]


def background(
    context: typer.Context,
    file: FramesFile,
    model_id: Model,
    mapping: ColumnMapping = None,
    metadata: Metadata = None,
    ids_as_text: IdsAsText = False,
    timezone: TimeZone = "",
    skip_bad_rows: SkipBadRows = False,
    skipped_file: SkippedFile = None,
    project: Project = "",
    json: Json = False,
) -> None:
    """Set the background of a space to a random sample of a file's frames.

    Campaigns use it from their next version on; stderr lists those that lack one.

    Example: sluice background corpus.parquet -p night-fleet --model-id resnet50-v2
    """
    files = parse_frame_files(
        file, mapping, metadata, ids_as_text, timezone, skip_bad_rows, skipped_file
    )
    with connection(context).client(project) as client, files.reading() as source:
        sample = draw_background(source, dimension_of(source))
        space = client.campaigns.set_background("", model_id, sample)
        active = read_active(client.channel, client.names.project())
    show_one(space, COLUMNS, to_json=json)
    for campaign in active:
        if (campaign.version.model_id, campaign.version.dimension) == (model_id, space.dimension):
            warn_of_version(campaign.campaign, campaign.version, is_set=True)
