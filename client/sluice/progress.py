"""Progress reports of long calls."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TextIO

OnProgress = Callable[[str, int, int], None]
"""Called with the name of the counted things, the number done, and the total."""

_CLEAR_REST = "\x1b[K"


class TextProgress:
    """Writes progress on one line of a terminal; writes nothing if it is not a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show the progress; the line ends when all is done."""
        stream = self._stream or sys.stderr
        if stream.isatty() and total:
            end = "\n" if done >= total else ""
            stream.write(f"\r{what}: {done:,} of {total:,}{_CLEAR_REST}{end}")
            stream.flush()
