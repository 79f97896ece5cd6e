"""`python -m services.campaign`."""

from __future__ import annotations

import sys

from services.server.cluster_settings import CampaignSettings
from services.server.command import run_server


def _serve(settings: CampaignSettings) -> int:
    from services.campaign.process import serve
    from services.server.run import run

    return run("campaign", settings, serve(settings))


if __name__ == "__main__":
    sys.exit(
        run_server(
            "campaign", "Projects, datasets, issues and campaigns.", CampaignSettings, _serve
        )
    )
