"""A file of frames, whatever its format: how many rows it has, and those rows in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from sluice.errors import InvalidArgument
from sluice.formats.columns import Columns
from sluice.formats.rows import Rows


class Source(Protocol):
    """A file of frames."""

    @property
    def row_count(self) -> int | None:
        """How many rows there are; None when only reading all would tell."""

    def batches(self, rows: int) -> Iterator[Rows]:
        """All rows in their order, so many at a time; the last batch may have fewer.

        Raises InvalidArgument naming file, column and rows where something is wrong.
        """


def open_source(path: Path, columns: Columns) -> Source:
    """Open a file by its ending: .parquet, .arrow, .ipc, .feather, .npz or .jsonl.

    Raises InvalidArgument for another ending, a file that cannot be read, or columns missing.
    """
    make = _SOURCES.get(path.suffix.lower())
    if make is None:
        endings = ", ".join(_SOURCES)
        raise InvalidArgument.of("file", f"{path} ends in none of {endings}")
    if not path.is_file():
        raise InvalidArgument.of("file", f"{path} does not exist")
    return make(path, columns)


def _arrow(path: Path, columns: Columns) -> Source:
    from sluice.formats.arrow import ArrowSource  # an extra: only who reads such files needs it

    return ArrowSource(path, columns)


def _npz(path: Path, columns: Columns) -> Source:
    from sluice.formats.npz import NpzSource

    return NpzSource(path, columns)


def _jsonl(path: Path, columns: Columns) -> Source:
    from sluice.formats.jsonl import JsonlSource

    return JsonlSource(path, columns)


_SOURCES: dict[str, Callable[[Path, Columns], Source]] = {
    ".parquet": _arrow,
    ".arrow": _arrow,
    ".ipc": _arrow,
    ".feather": _arrow,
    ".npz": _npz,
    ".jsonl": _jsonl,
}
