"""Campaigns are compared with their version records, also during commits."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from services.campaign.records import campaign_key
from services.doctor.findings import FindingKind
from services.records.records import encode
from tests.unit.campaign.doctor.examining import examine
from tests.unit.campaign.doctor.tampering import Scenario
from tests.unit.campaign.faults import InterceptedStore


async def test_a_commit_between_two_reads_is_no_difference(scenario: Scenario) -> None:
    """A version that is bound between the reading of its campaign and of its record is right."""
    waiting = [scenario.campaign]

    async def scan(real: Any, partition: str, prefix: str, **options: Any) -> Any:
        if prefix.startswith("version/") and waiting:
            await scenario.service.commit_version(waiting.pop())
        return await real(partition, prefix, **options)

    ledger = InterceptedStore(scenario.stores.ledger, "scan", scan)
    assert [] == await examine(scenario.service.with_stores(ledger=ledger), later=False)
    assert [] == waiting


async def test_a_dropped_fit_summary_is_restored(scenario: Scenario) -> None:
    """A campaign that an older process has changed gets the fit summary of its version back."""
    campaign = await scenario.read_campaign()
    older = structs.replace(campaign, version=structs.replace(campaign.version, fit=None))
    await scenario.put(campaign_key(scenario.campaign.campaign), encode(older))

    [finding] = await examine(scenario.service, repair=True)

    assert FindingKind.ACTIVE_VERSION == finding.kind
    assert campaign.version.fit is not None
    assert campaign.version == (await scenario.read_campaign()).version
