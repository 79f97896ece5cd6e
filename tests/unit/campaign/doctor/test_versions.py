"""Versions that are committed during an examination are no difference."""

from __future__ import annotations

from typing import Any

from tests.unit.campaign.doctor.examining import examine
from tests.unit.campaign.doctor.tampering import (
    Scenario,
)
from tests.unit.campaign.faults import InterceptedStore


async def test_a_commit_between_two_reads_is_no_difference(scenario: Scenario) -> None:
    """A version that is bound between the reading of its campaign and of its record is right."""
    waiting = [scenario.campaign]

    async def scan(real: Any, partition: str, prefix: str, **options: Any) -> Any:
        if prefix.startswith("version/") and waiting:
            await scenario.service.commit_version(waiting.pop())
        return await real(partition, prefix, **options)

    ledger = InterceptedStore(scenario.service.stores.ledger, "scan", scan)
    assert [] == await examine(scenario.service.with_stores(ledger=ledger), later=False)
    assert [] == waiting
