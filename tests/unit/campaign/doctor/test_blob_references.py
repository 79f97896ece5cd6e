"""Versions of a campaign as the doctor reads them, with and without lost records."""

from __future__ import annotations

from services.campaign.blob_references import read_bound_versions
from services.campaign.records import version_key
from tests.unit.campaign.campaign_service import PROJECT
from tests.unit.campaign.doctor.tampering import Scenario


async def read_numbers(scenario: Scenario) -> list[int] | None:
    """The numbers of the bound versions, None if records are lost."""
    ledger, campaign = scenario.stores.ledger, scenario.campaign.campaign
    versions = await read_bound_versions(ledger, PROJECT.project, campaign)
    return None if versions is None else sorted({version.number for version in versions})


async def test_the_campaign_replaces_its_lost_record(scenario: Scenario) -> None:
    """Without the record of the newest version, its references are those of the campaign."""
    await scenario.change(version_key(scenario.campaign.campaign, 2))

    assert [1, 2] == await read_numbers(scenario)


async def test_an_older_lost_record_makes_references_unknown(scenario: Scenario) -> None:
    """Without the record of an older version, nobody knows what it references."""
    assert [1, 2] == await read_numbers(scenario)

    await scenario.change(version_key(scenario.campaign.campaign, 1))

    assert await read_numbers(scenario) is None
