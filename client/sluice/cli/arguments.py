"""The arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sluice import errors
from sluice.class_names import read_class_map
from sluice.cli.completion import completer
from sluice.formats import Columns, Source, open_source
from sluice.resources.kinds import CAMPAIGN, DATASET, ISSUE, PROJECT, ROUND

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Project = Annotated[
    str,
    typer.Option(
        "--project",
        "-p",
        envvar="SLUICE_PROJECT",
        help="The project; default: that of the profile, else the only one.",
        autocompletion=completer(PROJECT),
    ),
]
NewId = Annotated[str, typer.Argument(help="The new id: a-z, 0-9 and -.")]
DisplayName = Annotated[str, typer.Option("--called", help="A display name.")]
Dataset = Annotated[
    str,
    typer.Argument(
        help="A dataset: id, display name or resource name.", autocompletion=completer(DATASET)
    ),
]
Round = Annotated[
    str,
    typer.Argument(
        help="A round: DATASET/ID, or its id or display name.", autocompletion=completer(ROUND)
    ),
]
Issue = Annotated[
    str,
    typer.Argument(
        help="An issue: id or its start, or display name.", autocompletion=completer(ISSUE)
    ),
]
Campaign = Annotated[
    str,
    typer.Argument(
        help="A campaign: id or its start, or display name.", autocompletion=completer(CAMPAIGN)
    ),
]
FrameIds = Annotated[list[str], typer.Argument(help="Frame ids.")]
FramesFile = Annotated[
    Path,
    typer.Argument(
        exists=True,
        allow_dash=True,
        dir_okay=False,
        help="Frames: .parquet, .arrow, .ipc, .npz or .jsonl.",
    ),
]
Model = Annotated[str, typer.Option(help="The embedding model.")]
Mapping = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="FIELD=COLUMN",
        help=f"The column that holds one of {', '.join(Columns.FIELDS)}; may be repeated.",
    ),
]
Metadata = Annotated[
    list[str] | None,
    typer.Option(
        "--metadata",
        metavar="COLUMN",
        help="A column to keep as metadata; may be repeated. Default: all other columns.",
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option("--threshold", min=0, max=1, help="Overrides each campaign's threshold."),
]
ClassMap = Annotated[
    list[str] | None,
    typer.Option(
        "--class-map",
        metavar="FILE|OLD=NEW",
        help="New names of classes, a JSON object or lines OLD=NEW; may be repeated.",
    ),
]
IouMin = Annotated[
    float | None, typer.Option("--iou-min", help="Minimum IoU for a match; default 0.5.")
]
ScoreMin = Annotated[
    float, typer.Option("--score-min", min=0, max=1, help="Minimum score of a prediction.")
]
Seed = Annotated[
    int, typer.Option("--seed", min=0, help="Random seed; the same seed gives the same result.")
]


def parse_columns(mapping: list[str] | None, metadata: list[str] | None) -> Columns:
    """The columns that --map and --metadata name; a malformed mapping is wrong usage."""
    try:
        return Columns.of(mapping or [], metadata or [])
    except errors.InvalidArgument as error:
        raise typer.BadParameter(error.message) from error


def parse_class_map(entries: list[str] | None) -> dict[str, str]:
    """The new names of classes that --class-map gives; a malformed one is wrong usage."""
    try:
        return read_class_map(entries or [])
    except errors.InvalidArgument as error:
        raise typer.BadParameter(error.message) from error


def open_frames(file: Path, mapping: list[str] | None, metadata: list[str] | None) -> Source:
    """Open a file of frames with the columns that --map and --metadata name."""
    return open_source(file, parse_columns(mapping, metadata))
