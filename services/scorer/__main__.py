"""`python -m services.scorer`."""

from __future__ import annotations

import sys

from services.platform.cluster_settings import ScorerSettings
from services.platform.command import run_server


def _serve(settings: ScorerSettings) -> int:
    from services.platform.serve import run
    from services.scorer.process import running

    return run("scorer", settings, running(settings))


if __name__ == "__main__":
    sys.exit(
        run_server(
            "scorer", "Scores frames against active campaign versions.", ScorerSettings, _serve
        )
    )
