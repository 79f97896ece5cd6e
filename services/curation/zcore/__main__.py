"""`python -m services.curation.zcore ROWS COMPONENTS SEED DRAWS NEIGHBOURS`: scores of rows.

Reads them from standard input and writes their scores to standard output, both as they lie in
memory. It lets everything else go first, and ends when its input does.
"""

from __future__ import annotations

import os
import sys
from threading import Thread
from typing import Final

import numpy as np

from services.curation.selection.zcore import zcore_scores

WORKERS_MAX: Final = 4
"""Threads that compute; each holds numbers for all rows."""

_NICENESS: Final = 10
_INCOMPLETE: Final = 2


def main() -> None:
    """Compute the scores, on cores that nobody else wants."""
    rows, components, seed, draws, neighbours = map(int, sys.argv[1:])
    os.nice(_NICENESS)
    given = np.empty((rows, components), np.float32)
    with open(sys.stdin.fileno(), "rb", closefd=False) as source:
        if source.readinto(given.data.cast("B")) != given.nbytes:
            sys.exit(_INCOMPLETE)
    Thread(target=_end_with_input, daemon=True).start()
    workers = min(os.cpu_count() or 1, WORKERS_MAX)
    scores = zcore_scores(given, seed=seed, draws=draws, neighbours=neighbours, workers=workers)
    sys.stdout.buffer.write(scores.tobytes())


def _end_with_input() -> None:
    # Not by way of a file: its lock would still be held when the interpreter ends.
    os.read(sys.stdin.fileno(), 1)
    os._exit(_INCOMPLETE)


if __name__ == "__main__":
    main()
