"""`python -m services.scorer`."""

from __future__ import annotations

import sys

from services.server.cluster_settings import ScorerSettings
from services.server.command import run_server


def _serve(settings: ScorerSettings) -> int:
    from services.scorer.process import serve
    from services.server.run import run

    return run("scorer", settings, serve(settings))


if __name__ == "__main__":
    sys.exit(
        run_server(
            "scorer", "Scores frames against active campaign versions.", ScorerSettings, _serve
        )
    )
