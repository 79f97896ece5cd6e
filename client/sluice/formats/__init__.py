"""Files of frames: Parquet, Arrow, npz and JSON lines, read batch by batch."""

from sluice.formats.columns import Columns
from sluice.formats.rows import Rows
from sluice.formats.source import Source, open_source

__all__ = ["Columns", "Rows", "Source", "open_source"]
