"""Leftovers of deleted issues: removed, unless a call is still deleting them."""

from __future__ import annotations

import pytest

from services.campaign.issue_deletion import delete_issue, find_tombstone
from services.campaign.records import element_prefix
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

    ledger = scenario.stores.ledger
    assert 1 == len(await ledger.scan(PROJECT.project, element_prefix(name.issue), limit=2))


async def test_a_crashed_deletion_is_completed(scenario: Scenario) -> None:
    """Later its records and points are removed, and its tombstone says so."""
    name = await crash_deletion(scenario)

    findings = await examine(scenario.service, repair=True)

    assert [(FindingKind.DELETION_UNFINISHED, str(name), FindingOutcome.REPAIRED)] == [
        (finding.kind, finding.subject, finding.outcome) for finding in findings
    ]
    ledger = scenario.stores.ledger
    assert [] == await ledger.scan(PROJECT.project, element_prefix(name.issue), limit=1)
    tombstone = await find_tombstone(scenario.stores, name)
    assert tombstone is not None
    assert tombstone.done
    assert [] == await examine(scenario.service)
