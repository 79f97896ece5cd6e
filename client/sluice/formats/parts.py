"""Several files that are read as one: a folder, or all files that match a pattern."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from glob import has_magic
from pathlib import Path
from typing import Final

from sluice.errors import InvalidArgument
from sluice.formats.rows import Rows, Source

ENDINGS: Final = (".parquet", ".arrow", ".ipc", ".feather", ".npz", ".jsonl")
"""The endings of files of frames."""

_UNUSED = ("_", ".")
"""First characters of names of files that tools put beside their data, such as `_SUCCESS`."""


class Parts:
    """Files that are read one after another; each has columns and types of its own."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources

    @property
    def row_count(self) -> int | None:
        """The number of rows of all files; None if one of them stores no row count."""
        counts = [source.row_count for source in self._sources]
        return None if None in counts else sum(count or 0 for count in counts)

    @property
    def passed_over(self) -> Mapping[str, str]:
        """See `Source.passed_over`."""
        types: dict[str, str] = {}
        for source in self._sources:
            types = {**source.passed_over, **types}
        return types

    def batches(self, rows: int) -> Iterator[Rows]:
        """See `Source.batches`; no batch has rows of two files."""
        for source in self._sources:
            yield from source.batches(rows)


def is_pattern(path: Path) -> bool:
    """Whether a path is a pattern for names of files, not a file itself."""
    return has_magic(str(path)) and not path.exists()


def side_file(path: Path, ending: str) -> Path:
    """The file beside a file, a folder or the files of a pattern, with an ending of its own."""
    if not is_pattern(path):
        named = path if path.name not in ("", "..") else path.resolve()
        return named.with_name(named.name + ending)
    folder = _fixed_folder(path)
    name = "-".join(path.relative_to(folder).parts)
    return folder / ("".join("_" if c in "*?[]" else c for c in name) + ending)


def find_files(path: Path) -> list[Path]:
    """The files of a path, in the order of their names: a file, a folder or a pattern.

    Raises InvalidArgument for a folder or pattern without files of frames, and for a folder with
    several kinds of them.
    """
    if is_pattern(path):
        folder = _fixed_folder(path)
        files = sorted(filter(_is_data, folder.glob(str(path.relative_to(folder)))))
        if not files:
            raise InvalidArgument.of("file", f"{path}: no file matches")
        return files
    return _list_folder(path) if path.is_dir() else [path]


def _fixed_folder(pattern: Path) -> Path:
    """The deepest folder that a pattern names without wildcards."""
    return next(parent for parent in pattern.parents if not has_magic(str(parent)))


def _is_data(file: Path) -> bool:
    """Whether a file holds data, not notes of the tool that wrote it."""
    return file.is_file() and not file.name.startswith(_UNUSED)


def _list_folder(folder: Path) -> list[Path]:
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in ENDINGS and _is_data(f))
    kinds = Counter(file.suffix.lower() for file in files)
    if len(kinds) > 1:
        listed = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
        problem = f"{folder} has files of several kinds ({listed}); use a pattern such as "
        raise InvalidArgument.of("file", f"{problem}'{folder / ('*' + files[0].suffix)}'")
    if not files:
        raise InvalidArgument.of("file", f"{folder} {_describe_empty(folder)}")
    return files


def _describe_empty(folder: Path) -> str:
    """Why a folder has no files to read, and the next step."""
    if (folder / "_versions").is_dir() and (folder / "data").is_dir():
        return "is a Lance dataset; write it as Parquet: pq.write_table(dataset.to_table(), …)"
    below = next((f for f in folder.rglob("*") if f.suffix.lower() in ENDINGS), None)
    if below is None:
        return f"has no files of frames; supported: {', '.join(ENDINGS)}"
    pattern = folder / "**" / f"*{below.suffix}"
    return f"has files of frames in subfolders only; use a pattern such as '{pattern}'"
