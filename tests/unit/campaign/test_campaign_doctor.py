"""The campaign service's doctor names what differs and nothing else, and mends it for good."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.campaign.active_campaigns import read_active_campaigns
from services.campaign.campaigns import set_active
from services.campaign.commit import commit_version
from services.campaign.doctor.diagnose import diagnose
from services.campaign.elements import remove_elements
from services.campaign.issue_deletion import delete_issue
from services.campaign.projects import create_project
from services.campaign.snapshots import read_content
from services.campaign.versions import find_pending_changes
from services.doctor.findings import Finding, FindingKind, FindingOutcome
from services.records.records import now_us
from sluice import errors
from sluice.names import ProjectName
from tests.unit.campaign.campaign_service import ONCE, PROJECT, CampaignService
from tests.unit.campaign.faults import Gate, InterceptedStore, failing
from tests.unit.campaign.tampering import (
    ELEMENTS,
    LOST,
    REPAIRABLE,
    Scenario,
    Tampering,
    create_scenario,
)

HOUR_US = 3_600_000_000


@pytest.fixture
async def scenario(service: CampaignService) -> Scenario:
    """A campaign of two versions, whose issue has one element more."""
    return await create_scenario(service)


async def examine(
    service: CampaignService, *, repair: bool = False, later: bool = True
) -> list[Finding]:
    """What the doctor finds two hours later, or now."""
    at = now_us() + (2 * HOUR_US if later else 0)
    events = diagnose(service.stores, PROJECT, repair=repair, started_us=at)
    return [event async for event in events if isinstance(event, Finding)]


async def state(scenario: Scenario) -> tuple[object, ...]:
    """What people and scorers see of the campaign and its issue."""
    stores, campaign = scenario.service.stores, await scenario.read_campaign()
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


@pytest.mark.parametrize("later", [False, True])
async def test_a_healthy_project_is_quiet(scenario: Scenario, later: bool) -> None:
    """After commits, replacements, removals and deletions nothing differs, now and later."""
    service = scenario.service
    await service.add_frames(scenario.issue, "a", seed=1)
    await remove_elements(service.stores, scenario.issue, [("b", "")])
    await service.commit_version(scenario.campaign)
    await service.commit_version(scenario.campaign)
    await set_active(service.stores, scenario.campaign, active=False)
    other = await service.create_issue("x", "y")
    await delete_issue(service.stores, other, "")
    await service.set_background(rows=80)
    assert [] == await examine(service, later=later)


@pytest.mark.parametrize(("tamper", "kind"), REPAIRABLE)
async def test_a_difference_is_named_and_mended(
    scenario: Scenario, tamper: Tampering, kind: FindingKind
) -> None:
    """It alone is named; a look changes nothing; a repair mends it for good."""
    await tamper(scenario)
    for repair, outcome in ((False, FindingOutcome.REPAIRABLE), (True, FindingOutcome.REPAIRED)):
        [found] = await examine(scenario.service, repair=repair)
        assert (kind, outcome) == (found.kind, found.outcome), found
    assert [] == await examine(scenario.service)


RESTORED = [
    pair
    for pair in REPAIRABLE
    if pair[0].__name__ not in {"reset_generation", "delete_manifest", "delete_space"}
]


@pytest.mark.parametrize(("tamper", "kind"), RESTORED)
async def test_a_repair_brings_back_what_was(
    scenario: Scenario, tamper: Tampering, kind: FindingKind
) -> None:
    """What people and scorers see is as before, and the next version can be committed."""
    before = await state(scenario)
    await tamper(scenario)
    await examine(scenario.service, repair=True)
    assert before == await state(scenario)
    assert 3 == (await scenario.service.commit_version(scenario.campaign)).number
    assert [] == await examine(scenario.service)


@pytest.mark.parametrize(("tamper", "kind"), LOST)
async def test_what_cannot_be_mended_is_said(
    scenario: Scenario, tamper: Tampering, kind: FindingKind
) -> None:
    """It is named as lost, with and without a repair, each time."""
    await tamper(scenario)
    for repair in (False, True, False):
        [found] = await examine(scenario.service, repair=repair)
        assert (kind, FindingOutcome.LOST) == (found.kind, found.outcome), found


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
    kinds = {found.kind for found in await examine(service)}
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


async def test_files_that_another_project_names_stay(scenario: Scenario) -> None:
    """All projects share one blob store: a doctor of one takes nothing from another."""
    stores = scenario.service.stores
    await create_project(stores, ONCE, "q", "")
    events = diagnose(stores, ProjectName("q"), repair=True, started_us=now_us() + 2 * HOUR_US)
    assert [] == [event async for event in events if isinstance(event, Finding)]
    assert [] == await examine(scenario.service)


async def test_files_of_others_stay(scenario: Scenario) -> None:
    """What no campaign service writes is left alone, named or not."""
    digest = await scenario.service.stores.blobs.put(b"a mask")
    assert [] == await examine(scenario.service, repair=True)
    assert b"a mask" == await scenario.service.stores.blobs.get(digest)


async def test_a_busy_project_is_quiet(scenario: Scenario) -> None:
    """While elements come and go and versions are committed, nothing differs, however often."""
    service = scenario.service
    issue = await service.create_issue("x", "y")
    campaign, _ = await service.create_campaign(issue)

    async def edit() -> None:
        number = 0
        while True:
            number += 1
            await service.add_frames(issue, f"f{number}", "x", seed=number)
            await remove_elements(service.stores, issue, [(f"f{number - 3}", "")])

    async def commit() -> None:
        for _ in range(40):
            await service.commit_version(campaign)
        await asyncio.Event().wait()  # or there would be more of them than can be examined

    async def come_and_go() -> None:
        while True:
            await delete_issue(service.stores, await service.create_issue("x", "y"), "")

    work = [asyncio.create_task(job) for job in (edit(), commit(), come_and_go())]
    try:
        for number in range(8):
            assert [] == await examine(service, repair=number % 2 == 1, later=False)
        assert not any(task.done() for task in work)
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


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


async def test_an_element_replaced_between_two_reads_is_no_difference(scenario: Scenario) -> None:
    """An element whose point goes because it got another one has its vector."""
    waiting = [scenario.issue]

    async def retrieve(real: Any, *arguments: Any) -> Any:
        if waiting:
            await scenario.service.add_frames(waiting.pop(), "a", seed=1)
        return await real(*arguments)

    vectors = InterceptedStore(scenario.service.stores.vectors, "retrieve", retrieve)
    assert [] == await examine(scenario.service.with_stores(vectors=vectors), later=False)
    assert [] == waiting


async def test_an_unknown_project_is_not_found(service: CampaignService) -> None:
    """A project that does not exist is NOT_FOUND."""
    with pytest.raises(errors.NotFound):
        async for _ in diagnose(service.stores, ProjectName("none"), repair=False):
            pass
