"""Leftovers of deleted issues: removed, unless a call is still deleting them."""

from __future__ import annotations

import pytest

from services.campaign.issue_deletion import delete_issue
from services.campaign.records import element_prefix, issue_deletion_key
from services.doctor.findings import FindingKind, FindingOutcome
from sluice.errors import Unavailable
from sluice.names import IssueName
from tests.unit.campaign.campaign_service import PROJECT
from tests.unit.campaign.doctor.examining import examine
from tests.unit.campaign.doctor.tampering import Scenario
from tests.unit.campaign.faults import failing


async def crash_deletion(scenario: Scenario) -> IssueName:
    """An issue whose deletion has crashed before it deleted an element."""
    service = scenario.service
    name = await service.create_issue("x")
    ledger = failing(service.stores.ledger, "commit", at=2)
    with pytest.raises(Unavailable):
        await delete_issue(service.with_stores(ledger=ledger).stores, name, "")
    return name


async def test_a_young_deletion_is_left_alone(scenario: Scenario) -> None:
    """Within the hour the deletion may be running: nothing is reported or removed."""
    name = await crash_deletion(scenario)

    assert [] == await examine(scenario.service, repair=True, later=False)

    ledger = scenario.service.stores.ledger
    assert 1 == len(await ledger.scan(PROJECT.project, element_prefix(name.issue), limit=2))


async def test_a_crashed_deletion_is_completed(scenario: Scenario) -> None:
    """Later its records and points are removed, and then the record of the deletion."""
    name = await crash_deletion(scenario)

    findings = await examine(scenario.service, repair=True)

    assert {(FindingKind.ISSUE_LEFTOVER, FindingOutcome.REPAIRED)} == {
        (finding.kind, finding.outcome) for finding in findings
    }
    assert {"element records", "1 points"} == {finding.actual for finding in findings}
    key = issue_deletion_key(name.issue)
    assert {} == await scenario.service.stores.ledger.get(PROJECT.project, [key])
    assert [] == await examine(scenario.service)
