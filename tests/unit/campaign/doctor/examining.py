"""One run of the campaign service's doctor, and the state that it must not change."""

from __future__ import annotations

from services.campaign.active_campaigns import read_active_campaigns
from services.campaign.doctor.diagnose import diagnose
from services.campaign.snapshots import read_content
from services.campaign.versions import find_pending_changes
from services.doctor.findings import Finding
from services.records.records import now_us
from tests.unit.campaign.campaign_service import ELEMENTS, PROJECT, CampaignService
from tests.unit.campaign.doctor.tampering import Scenario
from tests.unit.campaign.fake_reviews import FakeResourcePurges

HOUR_US = 3_600_000_000


async def examine(
    service: CampaignService, *, repair: bool = False, later: bool = True
) -> list[Finding]:
    """The doctor's findings two hours from now, or now."""
    at = now_us() + (2 * HOUR_US if later else 0)
    purges = FakeResourcePurges()
    events = diagnose(service.stores, PROJECT, repair=repair, purges=purges, started_us=at)
    return [event async for event in events if isinstance(event, Finding)]


async def read_state(scenario: Scenario) -> tuple[object, ...]:
    """The state of the campaign and its issue that users and scorers see."""
    stores, campaign = scenario.stores, await scenario.read_campaign()
    content = await read_content(stores, scenario.issue)
    tenants = await stores.vectors.tenants(ELEMENTS)
    return (
        campaign.version,
        await find_pending_changes(stores, PROJECT.project, campaign),
        content.issue.element_count,
        content.elements.vectors.tobytes(),
        {tenant: await stores.vectors.count(ELEMENTS, tenant) for tenant in tenants},
        len((await read_active_campaigns(stores.ledger, PROJECT.project)).campaigns),
    )
