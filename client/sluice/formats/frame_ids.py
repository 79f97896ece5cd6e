"""Reads frame ids from a text file, or from any file of frames."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sluice.errors import InvalidArgument
from sluice.formats.columns import Columns
from sluice.formats.source import open_source

STDIN: Final = "-"
TITLES: Final = ("frame", "frame_id")
"""First lines that are the title of a column, as lists of the command line have it."""

_TEXT_ENDINGS: Final = ("", ".txt", ".csv", ".list")
_ROWS_AT_ONCE: Final = 4_096


def read_frame_ids(path: Path) -> list[str]:
    """The frame ids of a file, each once, in their order; `-` reads stdin.

    A text file has one id a line. Other files are files of frames with a column `frame_id`. Raises
    InvalidArgument for a file without ids.
    """
    is_text = str(path) == STDIN or path.suffix.lower() in _TEXT_ENDINGS
    ids = list(dict.fromkeys(_read_lines(path) if is_text else _read_frames(path)))
    if not ids:
        raise InvalidArgument.of("file", f"{path} has no frame ids")
    return ids


def _read_lines(path: Path) -> Iterator[str]:
    try:
        text = sys.stdin.read() if str(path) == STDIN else path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidArgument.of("file", f"{path}: expected UTF-8 text, {error}") from error
    except OSError as error:
        raise InvalidArgument.of("file", f"{path}: {error.strerror}") from error
    lines = [line.strip() for line in text.splitlines()]
    yield from filter(None, lines[1:] if lines[:1] and lines[0] in TITLES else lines)


def _read_frames(path: Path) -> Iterator[str]:
    source = open_source(path, Columns.of([], []), embeddings_required=False)
    for rows in source.batches(_ROWS_AT_ONCE):
        yield from rows.ids
