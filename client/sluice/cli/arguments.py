"""The arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from sluice import errors
from sluice.class_names import read_class_map
from sluice.cli.completion import completer
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
Model = Annotated[str, typer.Option(help="The embedding model.")]
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


def parse_class_map(entries: list[str] | None) -> dict[str, str]:
    """The new names of classes that --class-map gives; a malformed one is wrong usage."""
    try:
        return read_class_map(entries or [])
    except errors.InvalidArgument as error:
        raise typer.BadParameter(error.message) from error
