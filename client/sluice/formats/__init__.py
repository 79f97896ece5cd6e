"""Readers of frame files (Parquet, Arrow, npz, JSON lines), batch by batch."""

from sluice.formats.columns import Columns
from sluice.formats.rows import Rows, Source
from sluice.formats.source import open_source

__all__ = ["Columns", "Rows", "Source", "open_source"]
