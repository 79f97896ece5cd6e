"""Open frame files of any supported format, and read their rows in batches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sluice.errors import InvalidArgument
from sluice.formats.columns import Columns
from sluice.formats.parts import ENDINGS, Parts, find_files
from sluice.formats.rows import Source
from sluice.formats.skipped_rows import SkippedRows, VectorCheck
from sluice.formats.unique_ids import UniqueSource


def open_source(
    path: Path,
    columns: Columns,
    *,
    embeddings_required: bool = True,
    skipped: SkippedRows | None = None,
) -> Source:
    """Open a file by its ending, .parquet, .arrow, .ipc, .feather, .npz or .jsonl.

    A folder and a pattern such as `parts/*.parquet` are read as one file, in the order of the
    names, and each file's columns and types are checked. Reading a duplicate frame id raises
    InvalidArgument naming both rows, and so does a row without a usable vector, unless `skipped`
    lists such rows. Raises InvalidArgument for an unsupported ending, an unreadable file or missing
    columns; embeddings may be missing unless they are required.
    """
    sources = [_open_file(file, columns, embeddings_required) for file in find_files(path)]
    source = sources[0] if len(sources) == 1 else Parts(sources)
    return UniqueSource(VectorCheck(source, skipped))


def _open_file(path: Path, columns: Columns, embeddings_required: bool) -> Source:
    open_format = _OPENERS.get(path.suffix.lower())
    if open_format is None:
        problem = f"{path}: unsupported file type; supported: {', '.join(ENDINGS)}"
        raise InvalidArgument.of("file", problem)
    if not path.is_file():
        raise InvalidArgument.of("file", f"{path} does not exist")
    return open_format(path, columns, embeddings_required)


def _open_arrow(path: Path, columns: Columns, embeddings_required: bool) -> Source:
    from sluice.formats.arrow import ArrowSource  # needs the extra `arrow`

    return ArrowSource(path, columns, embeddings_required=embeddings_required)


def _open_npz(path: Path, columns: Columns, embeddings_required: bool) -> Source:
    from sluice.formats.npz import NpzSource

    return NpzSource(path, columns, embeddings_required=embeddings_required)


def _open_jsonl(path: Path, columns: Columns, embeddings_required: bool) -> Source:
    from sluice.formats.jsonl import JsonlSource

    return JsonlSource(path, columns, embeddings_required=embeddings_required)


_OPENERS: dict[str, Callable[[Path, Columns, bool], Source]] = dict(
    zip(ENDINGS, [*[_open_arrow] * 4, _open_npz, _open_jsonl], strict=True)
)
