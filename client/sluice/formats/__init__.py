"""Readers of frame files (Parquet, Arrow, npz, JSON lines), batch by batch."""

from sluice.formats.columns import Columns
from sluice.formats.parts import find_files, is_pattern, side_file
from sluice.formats.rows import Rows, Source
from sluice.formats.skipped_rows import SkippedRows
from sluice.formats.source import open_source

__all__ = [
    "Columns",
    "Rows",
    "SkippedRows",
    "Source",
    "find_files",
    "is_pattern",
    "open_source",
    "side_file",
]
