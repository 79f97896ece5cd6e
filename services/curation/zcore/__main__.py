"""`python -m services.curation.zcore ROWS COMPONENTS SEED DRAWS NEIGHBOURS`: scores of rows.

Reads rows from standard input and writes their scores to standard output, both in the layout of
numpy arrays in memory. It runs at low priority, and exits when its input is closed.
"""

from __future__ import annotations

import os
import sys
from threading import Thread
from typing import Final

import numpy as np

from services.curation.selection.zcore import zcore_scores

WORKERS_MAX: Final = 4
"""Maximum number of threads; each holds several numbers for every row."""

_NICENESS: Final = 10
_INCOMPLETE: Final = 2


def main() -> None:
    """Compute the scores at low priority."""
    rows, components, seed, draws, neighbours = map(int, sys.argv[1:])
    os.nice(_NICENESS)
    embeddings = np.empty((rows, components), np.float32)
    with open(sys.stdin.fileno(), "rb", closefd=False) as source:
        if source.readinto(embeddings.data.cast("B")) != embeddings.nbytes:
            sys.exit(_INCOMPLETE)
    Thread(target=_exit_with_input, daemon=True).start()
    workers = min(os.cpu_count() or 1, WORKERS_MAX)
    scores = zcore_scores(
        embeddings, seed=seed, draws=draws, neighbours=neighbours, workers=workers
    )
    sys.stdout.buffer.write(scores.tobytes())


def _exit_with_input() -> None:
    # os.read, not a file object: its lock would still be held when the interpreter exits.
    os.read(sys.stdin.fileno(), 1)
    os._exit(_INCOMPLETE)


if __name__ == "__main__":
    main()
