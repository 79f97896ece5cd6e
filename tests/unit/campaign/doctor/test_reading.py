"""Campaigns as the doctor reads them."""

from __future__ import annotations

from services.campaign.blob_references import read_versions
from services.campaign.doctor.reading import read_campaigns
from tests.unit.campaign.campaign_service import PROJECT
from tests.unit.campaign.doctor.tampering import Scenario


async def test_versions_are_read_newest_first(scenario: Scenario) -> None:
    """All version records of a campaign are read, and the campaign has the first of them."""
    ledger = scenario.stores.ledger

    [campaign] = await read_campaigns(ledger, PROJECT.project)
    versions = await read_versions(ledger, PROJECT.project, campaign.id)

    assert [2, 1] == [version.number for version in versions]
    assert campaign.version == versions[0]
