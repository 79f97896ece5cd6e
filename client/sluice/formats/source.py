"""Open a frame file of any supported format, and read its rows in batches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sluice.errors import InvalidArgument
from sluice.formats.columns import Columns
from sluice.formats.rows import Source
from sluice.formats.unique_ids import UniqueSource


def open_source(path: Path, columns: Columns, *, embeddings_required: bool = True) -> Source:
    """Open a file by its ending: .parquet, .arrow, .ipc, .feather, .npz or .jsonl.

    Reading a duplicate frame id raises InvalidArgument naming both rows. Raises InvalidArgument for
    an unsupported ending, an unreadable file or missing columns; embeddings may be missing unless
    they are required.
    """
    if str(path) == "-" or (path.exists() and not (path.is_file() or path.is_dir())):
        raise InvalidArgument.of(
            "file",
            f"{path} is a pipe or device, and files are read more than once: write it to a "
            ".parquet file first",
        )
    open_format = _OPENERS.get(path.suffix.lower())
    if open_format is None:
        endings = ", ".join(_OPENERS)
        raise InvalidArgument.of("file", f"{path}: unsupported file type; supported: {endings}")
    if not path.is_file():
        raise InvalidArgument.of("file", f"{path} does not exist")
    return UniqueSource(open_format(path, columns, embeddings_required))


def _open_arrow(path: Path, columns: Columns, embeddings_required: bool) -> Source:
    from sluice.formats.arrow import ArrowSource  # needs the extra `arrow`

    return ArrowSource(path, columns, embeddings_required=embeddings_required)


def _open_npz(path: Path, columns: Columns, embeddings_required: bool) -> Source:
    from sluice.formats.npz import NpzSource

    return NpzSource(path, columns, embeddings_required=embeddings_required)


def _open_jsonl(path: Path, columns: Columns, embeddings_required: bool) -> Source:
    from sluice.formats.jsonl import JsonlSource

    return JsonlSource(path, columns, embeddings_required=embeddings_required)


_OPENERS: dict[str, Callable[[Path, Columns, bool], Source]] = {
    ".parquet": _open_arrow,
    ".arrow": _open_arrow,
    ".ipc": _open_arrow,
    ".feather": _open_arrow,
    ".npz": _open_npz,
    ".jsonl": _open_jsonl,
}
