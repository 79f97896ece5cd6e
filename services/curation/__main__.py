"""`python -m services.curation`."""

from __future__ import annotations

import sys

from services.server.cluster_settings import CurationSettings
from services.server.command import run_server


def _serve(settings: CurationSettings) -> int:
    from services.curation.process import serve
    from services.server.run import run

    return run("curation", settings, serve(settings))


if __name__ == "__main__":
    sys.exit(
        run_server(
            "curation", "Frames of datasets, and labelling rounds.", CurationSettings, _serve
        )
    )
