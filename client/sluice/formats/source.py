"""Open a frame file of any supported format, and read its rows in batches."""

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
        """The number of rows; None for formats that store no row count."""

    def batches(self, rows: int) -> Iterator[Rows]:
        """All rows in file order, in batches of `rows`; the last batch may be smaller.

        Raises InvalidArgument for invalid data, naming file, column and rows.
        """


def open_source(path: Path, columns: Columns) -> Source:
    """Open a file by its ending: .parquet, .arrow, .ipc, .feather, .npz or .jsonl.

    Raises InvalidArgument for an unsupported ending, an unreadable file or missing columns.
    """
    open_format = _OPENERS.get(path.suffix.lower())
    if open_format is None:
        endings = ", ".join(_OPENERS)
        raise InvalidArgument.of("file", f"{path}: unsupported file type; supported: {endings}")
    if not path.is_file():
        raise InvalidArgument.of("file", f"{path} does not exist")
    return open_format(path, columns)


def _open_arrow(path: Path, columns: Columns) -> Source:
    from sluice.formats.arrow import ArrowSource  # needs the extra `arrow`

    return ArrowSource(path, columns)


def _open_npz(path: Path, columns: Columns) -> Source:
    from sluice.formats.npz import NpzSource

    return NpzSource(path, columns)


def _open_jsonl(path: Path, columns: Columns) -> Source:
    from sluice.formats.jsonl import JsonlSource

    return JsonlSource(path, columns)


_OPENERS: dict[str, Callable[[Path, Columns], Source]] = {
    ".parquet": _open_arrow,
    ".arrow": _open_arrow,
    ".ipc": _open_arrow,
    ".feather": _open_arrow,
    ".npz": _open_npz,
    ".jsonl": _open_jsonl,
}
