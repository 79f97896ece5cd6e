"""`python -m services.ingest`."""

from __future__ import annotations

import sys

from services.server.cluster_settings import IngestSettings
from services.server.command import run_server


def _serve(settings: IngestSettings) -> int:
    from services.ingest.process import serve
    from services.server.run import run

    return run("ingest", settings, serve(settings))


if __name__ == "__main__":
    sys.exit(
        run_server(
            "ingest", "Receives batches, counts frames, keeps samples.", IngestSettings, _serve
        )
    )
