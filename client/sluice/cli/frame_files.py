"""The files of frames that commands read, the options that say how, and notes on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from sluice import errors
from sluice.cli.output import stderr_console
from sluice.formats import Columns, SkippedRows, Source, is_pattern, open_source, side_file

_ACCEPTED = "metadata are strings, numbers, booleans, dates or times"
_HELP = "Frames: .parquet, .arrow, .ipc, .feather, .npz or .jsonl; a folder or a quoted pattern"


def check_exists(path: Path) -> Path:
    """Refuse a missing file or folder, and a pipe, as wrong usage."""
    if str(path) == "-" or (path.exists() and not (path.is_file() or path.is_dir())):
        problem = f"{path} is a pipe or device, and files are read more than once"
        raise typer.BadParameter(f"{problem}: write it to a .parquet file first")
    if not path.exists() and not is_pattern(path):
        problem = f"{path} does not exist; expected a file, a folder, or a quoted pattern such as "
        raise typer.BadParameter(f"{problem}'parts/*.parquet'")
    return path


FramesFile = Annotated[
    Path, typer.Argument(metavar="FILE", callback=check_exists, help=f"{_HELP} of such files.")
]
LabelledFramesFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        callback=check_exists,
        help=f"{_HELP} of such files; .json: COCO, with labels.",
    ),
]
ColumnMapping = Annotated[
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
IdsAsText = Annotated[
    bool,
    typer.Option("--ids-as-text", help="Read ids that are integers, UUIDs or bytes as text."),
]
TimeZone = Annotated[
    str,
    typer.Option(
        "--timezone",
        metavar="ZONE",
        help="The zone of capture times without one: UTC, Europe/Berlin, +02:00.",
    ),
]
SkipBadRows = Annotated[
    bool,
    typer.Option(
        "--skip-bad-rows",
        help="Leave out rows with a null, NaN or zero vector; they are counted and listed.",
    ),
]
SkippedFile = Annotated[
    Path | None,
    typer.Option(help="The list that --skip-bad-rows writes; default FILE.skipped.jsonl."),
]


@dataclass(frozen=True, slots=True)
class FrameFiles:
    """A file, folder or pattern, with the columns of its frames and the rows that are left out."""

    path: Path
    columns: Columns
    skipped: SkippedRows | None

    def open(self) -> Source:
        """Open the files; embeddings are required."""
        return open_source(self.path, self.columns, skipped=self.skipped)

    @property
    def skipped_count(self) -> int:
        """The number of rows that were left out."""
        return self.skipped.count if self.skipped else 0

    @contextmanager
    def reading(self) -> Iterator[Source]:
        """The open files; notes on stderr say at the end what of them was not read."""
        with self.noting() as note:
            source = self.open()
            try:
                yield source
            finally:
                note(source.passed_over)

    @contextmanager
    def noting(self) -> Iterator[Callable[[Mapping[str, str]], None]]:
        """Takes the columns that are passed over; prints at the end what was not read."""
        types: dict[str, str] = {}
        try:
            yield types.update
        finally:
            if types:
                columns = ", ".join(f"{name!r} ({kind})" for name, kind in types.items())
                _note(f"{self.path}: columns left out, because {_ACCEPTED}: {columns}")
            if self.skipped and self.skipped.count:
                _note(f"skipped rows: {self.skipped.count:,}, listed in {self.skipped.path}")


def _note(text: str) -> None:
    stderr_console.print(text, soft_wrap=True, highlight=False, markup=False)


def parse_frame_files(
    path: Path,
    mapping: list[str] | None,
    metadata: list[str] | None,
    ids_as_text: bool,
    timezone: str,
    skip_bad_rows: bool,
    skipped_file: Path | None,
) -> FrameFiles:
    """The files that the arguments and options of a command describe.

    A malformed mapping and an unknown time zone are wrong usage.
    """
    try:
        columns = Columns.of(
            mapping or [], metadata or [], ids_as_text=ids_as_text, timezone=timezone
        )
    except errors.InvalidArgument as error:
        raise typer.BadParameter(error.message) from error
    if skipped_file and not skip_bad_rows:
        raise typer.BadParameter("--skipped-file requires --skip-bad-rows")
    if not skip_bad_rows:
        return FrameFiles(path, columns, None)
    try:
        skipped = SkippedRows(skipped_file or side_file(path, ".skipped.jsonl"))
    except errors.FailedPrecondition as error:
        raise typer.BadParameter(error.message) from error
    return FrameFiles(path, columns, skipped)
