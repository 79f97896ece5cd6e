"""The doctor of the campaign service names and repairs each difference, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from services.campaign.campaigns import set_active
from services.campaign.doctor.diagnose import diagnose
from services.campaign.elements import remove_elements
from services.campaign.issue_deletion import delete_issue
from services.doctor.findings import FindingKind, FindingOutcome
from sluice import errors
from sluice.names import ProjectName
from tests.unit.campaign.campaign_service import CampaignService
from tests.unit.campaign.doctor.examining import examine, read_state
from tests.unit.campaign.doctor.tampering import (
    LOST,
    REPAIRABLE,
    Scenario,
    Tampering,
)
from tests.unit.campaign.fake_reviews import FakeResourcePurges


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
async def test_a_difference_is_reported_and_repaired(
    scenario: Scenario, tamper: Tampering, kind: FindingKind
) -> None:
    """It alone is reported; without `repair` nothing changes; a repair lasts."""
    await tamper(scenario)
    for repair, outcome in ((False, FindingOutcome.REPAIRABLE), (True, FindingOutcome.REPAIRED)):
        [finding] = await examine(scenario.service, repair=repair)
        assert (kind, outcome) == (finding.kind, finding.outcome), finding
    assert [] == await examine(scenario.service)


RESTORED = [
    pair
    for pair in REPAIRABLE
    if pair[0].__name__ not in {"reset_generation", "delete_manifest", "delete_space"}
]


@pytest.mark.parametrize(("tamper", "kind"), RESTORED)
async def test_a_repair_restores_the_state(
    scenario: Scenario, tamper: Tampering, kind: FindingKind
) -> None:
    """The state that users and scorers see is restored, and the next version can be committed."""
    before = await read_state(scenario)
    await tamper(scenario)
    await examine(scenario.service, repair=True)
    assert before == await read_state(scenario)
    assert 3 == (await scenario.service.commit_version(scenario.campaign)).number
    assert [] == await examine(scenario.service)


@pytest.mark.parametrize(("tamper", "kind"), LOST)
async def test_lost_data_is_reported(
    scenario: Scenario, tamper: Tampering, kind: FindingKind
) -> None:
    """It is reported as lost, with and without repair, each time."""
    await tamper(scenario)
    for repair in (False, True, False):
        [finding] = await examine(scenario.service, repair=repair)
        assert (kind, FindingOutcome.LOST) == (finding.kind, finding.outcome), finding


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


async def test_an_unknown_project_is_not_found(service: CampaignService) -> None:
    """A project that does not exist is NOT_FOUND."""
    name, purges = ProjectName("none"), FakeResourcePurges()
    with pytest.raises(errors.NotFound):
        async for _ in diagnose(service.stores, name, repair=False, purges=purges):
            pass
