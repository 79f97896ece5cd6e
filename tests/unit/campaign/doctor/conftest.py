"""Fixtures of the tests of the campaign service's doctor."""

from __future__ import annotations

import pytest

from tests.unit.campaign.campaign_service import CampaignService
from tests.unit.campaign.doctor.tampering import (
    Scenario,
    create_scenario,
)


@pytest.fixture
async def scenario(service: CampaignService) -> Scenario:
    """A campaign of two versions, whose issue has one element more."""
    return await create_scenario(service)
