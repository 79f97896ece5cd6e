"""Fixtures of the tests of the campaign service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.campaign.campaign_service import CampaignService, open_service


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[CampaignService]:
    """The service with a project and a dataset of boxes around cars and trams."""
    async with open_service(tmp_path) as service:
        yield service
