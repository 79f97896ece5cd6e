"""`python shifted_ingest.py FILE --port N`: ingest whose clock is as many seconds off as FILE says.

The clock goes by FILE as it is at every moment, so a test sets it back by writing another number.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from services.server.cluster_settings import IngestSettings
from services.server.command import run_server


def clock_by(file: Path) -> Callable[[], datetime]:
    """A clock that is off by what the file says."""
    return lambda: datetime.now(UTC) + timedelta(seconds=float(file.read_text()))


def serve(settings: IngestSettings) -> int:
    """Serve until a signal."""
    from services.ingest import wiring
    from services.ingest.context import Ingest
    from services.ingest.process import serve
    from services.server.run import run

    shifted = partial(Ingest, now=clock_by(FILE))
    setattr(wiring, "Ingest", shifted)  # noqa: B010 - a module does not export what it imports
    return run("ingest", settings, serve(settings))


if __name__ == "__main__":
    FILE = Path(sys.argv.pop(1))
    sys.exit(run_server("ingest", "Has a clock of its own.", IngestSettings, serve))
