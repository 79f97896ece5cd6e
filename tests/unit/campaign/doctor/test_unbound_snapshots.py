"""Leftovers of crashed commits are removed; running commits are left alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.campaign.commit import commit_version
from services.doctor.findings import FindingKind
from sluice import errors
from tests.unit.campaign.campaign_service import ONCE, CampaignService
from tests.unit.campaign.doctor.examining import examine
from tests.unit.campaign.doctor.tampering import (
    Scenario,
)
from tests.unit.campaign.faults import Gate, InterceptedStore, failing


async def test_what_is_young_is_left_alone(scenario: Scenario) -> None:
    """What died within the hour may be under way: it is named an hour later."""
    service = scenario.service
    blobs = failing(service.stores.blobs, "put", at=2)
    ledger = failing(service.stores.ledger, "commit")
    with pytest.raises(errors.Unavailable):
        await commit_version(service.with_stores(blobs=blobs).stores, ONCE, scenario.campaign, "")
    with pytest.raises(errors.Unavailable):
        await service.with_stores(ledger=ledger).add_frames(scenario.issue, "f")
    assert [] == await examine(service, repair=True, later=False)
    kinds = {finding.kind for finding in await examine(service)}
    # The manifest is named by the commit for as long as that is not known to be dead.
    assert {FindingKind.SNAPSHOT_UNBOUND, FindingKind.ELEMENT_ORPHAN} == kinds
    await examine(service, repair=True)
    assert [] == await examine(service)


async def slow(service: CampaignService, scenario: Scenario, gate: Gate) -> asyncio.Task[Any]:
    """A commit that has written everything, and waits before it puts its model."""
    calls = 0

    async def put(real: Any, content: bytes) -> str:
        nonlocal calls
        calls += 1
        if calls == 2:
            await gate.pass_through()
        digest: str = await real(content)
        return digest

    stores = service.with_stores(blobs=InterceptedStore(service.stores.blobs, "put", put)).stores
    task = asyncio.create_task(commit_version(stores, ONCE, scenario.campaign, ""))
    await gate.reached.wait()
    return task


async def test_a_commit_under_way_is_left_alone(scenario: Scenario) -> None:
    """A doctor that repairs while a version is made takes nothing from it."""
    gate = Gate()
    task = await slow(scenario.service, scenario, gate)
    assert [] == await examine(scenario.service, repair=True, later=False)
    gate.opened.set()
    assert 3 == (await task).number
    assert [] == await examine(scenario.service)


async def test_a_commit_that_was_taken_for_dead_cannot_bind(scenario: Scenario) -> None:
    """A commit so slow that its snapshot was removed is ABORTED, and can be made anew."""
    gate = Gate()
    task = await slow(scenario.service, scenario, gate)
    assert FindingKind.SNAPSHOT_UNBOUND in {
        f.kind for f in await examine(scenario.service, repair=True)
    }
    gate.opened.set()
    with pytest.raises(errors.Aborted):
        await task
    assert 2 == (await scenario.read_campaign()).version.number
    assert 3 == (await scenario.service.commit_version(scenario.campaign)).number
    await examine(scenario.service, repair=True)
    assert [] == await examine(scenario.service)
