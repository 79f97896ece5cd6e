"""The arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sluice import errors
from sluice.formats import Columns, Source, open_source

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Project = Annotated[
    str, typer.Option("--project", "-p", envvar="SLUICE_PROJECT", help="The project's id.")
]
Dataset = Annotated[str, typer.Argument(help="projects/…/datasets/…")]
Round = Annotated[str, typer.Argument(help="projects/…/datasets/…/rounds/…")]
Issue = Annotated[str, typer.Argument(help="projects/…/issues/…")]
Campaign = Annotated[str, typer.Argument(help="projects/…/campaigns/…")]
File = Annotated[
    Path,
    typer.Argument(
        exists=True, dir_okay=False, help="Frames: .parquet, .arrow, .ipc, .npz or .jsonl."
    ),
]
Model = Annotated[str, typer.Option(help="The embedding model.")]
Mapping = Annotated[
    list[str] | None,
    typer.Option(
        "--map", metavar="FIELD=COLUMN", help=f"For {', '.join(Columns.FIELDS)}; may be repeated."
    ),
]
Metadata = Annotated[
    list[str] | None,
    typer.Option(
        "--metadata", metavar="COLUMN", help="What to keep as metadata; default all others."
    ),
]


def columns_of(mapping: list[str] | None, metadata: list[str] | None) -> Columns:
    """The columns that options name; wrong usage, where they are no mapping."""
    try:
        return Columns.of(mapping or [], metadata or [])
    except errors.InvalidArgument as error:
        raise typer.BadParameter(error.message) from error


def source_of(file: Path, mapping: list[str] | None, metadata: list[str] | None) -> Source:
    """The file that options name."""
    return open_source(file, columns_of(mapping, metadata))
