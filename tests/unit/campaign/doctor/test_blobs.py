"""Blobs that other projects reference, or other services write, stay."""

from __future__ import annotations

from services.campaign.doctor.diagnose import diagnose
from services.campaign.projects import create_project
from services.doctor.findings import Finding
from services.records.records import now_us
from sluice.names import ProjectName
from tests.unit.campaign.campaign_service import ONCE
from tests.unit.campaign.doctor.examining import HOUR_US, examine
from tests.unit.campaign.doctor.tampering import (
    Scenario,
)
from tests.unit.campaign.fake_reviews import FakeResourcePurges


async def test_files_that_another_project_names_stay(scenario: Scenario) -> None:
    """All projects share one blob store: a doctor of one takes nothing from another."""
    stores = scenario.stores
    await create_project(stores, ONCE, "q", "")
    name, purges, at = ProjectName("q"), FakeResourcePurges(), now_us() + 2 * HOUR_US
    events = diagnose(stores, name, repair=True, purges=purges, started_us=at)
    assert [] == [event async for event in events if isinstance(event, Finding)]
    assert [] == await examine(scenario.service)


async def test_files_of_others_stay(scenario: Scenario) -> None:
    """What no campaign service writes is left alone, named or not."""
    digest = await scenario.stores.blobs.put(b"a mask")
    assert [] == await examine(scenario.service, repair=True)
    assert b"a mask" == await scenario.stores.blobs.get(digest)
