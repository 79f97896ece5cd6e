"""The doctor on versions with feedback: quiet when they are right, and what it can mend of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from services.campaign import element_points
from services.campaign.records import ElementEntry
from services.doctor.findings import FindingKind, FindingOutcome
from services.vectors.interface import Points
from sluice.errors import Unavailable
from tests.unit.campaign.campaign_service import CampaignService
from tests.unit.campaign.fake_reviews import FakeReviews
from tests.unit.campaign.faults import failing
from tests.unit.campaign.tampering import ELEMENTS, Scenario, create_scenario
from tests.unit.campaign.test_campaign_doctor import examine, state

Tamper = Callable[[Scenario], Awaitable[None]]


@pytest.fixture
async def scenario(service: CampaignService) -> Scenario:
    """A campaign whose two newest versions took in an accepted sample and a negative each."""
    found = await create_scenario(service)
    await service.commit_version(found.campaign, FakeReviews("m p", "x y"))
    await service.commit_version(found.campaign, FakeReviews("m q", "x z"))
    return found


async def member(scenario: Scenario, frame_id: str) -> tuple[str, Points]:
    """The tenant of the newest snapshot, and the point of a member of it."""
    digest = (await scenario.read_campaign()).version.snapshot_digest
    tenant = element_points.snapshot_tenant(scenario.campaign, digest)
    entry = ElementEntry(frame_id=frame_id, digest=b"")
    ids = [element_points.snapshot_point(scenario.campaign, digest, entry)]
    return tenant, await scenario.service.stores.vectors.retrieve(ELEMENTS, tenant, ids)


async def lose(scenario: Scenario, frame_id: str) -> None:
    """Delete a point of the newest snapshot."""
    tenant, found = await member(scenario, frame_id)
    await scenario.service.stores.vectors.delete(ELEMENTS, tenant, found.ids)


async def alter(scenario: Scenario, frame_id: str, turned: int = 0, **payload: str) -> None:
    """Write a point of the newest snapshot with another vector, or with another payload."""
    tenant, found = await member(scenario, frame_id)
    other = Points(found.ids, np.roll(found.vectors, turned), [{**found.payloads[0], **payload}])
    await scenario.service.stores.vectors.write(ELEMENTS, tenant, other)


async def accepted_missing(scenario: Scenario) -> None:
    """The point of an accepted sample is gone."""
    await lose(scenario, "m")


async def negative_missing(scenario: Scenario) -> None:
    """The point of a negative is gone."""
    await lose(scenario, "x")


async def negative_altered(scenario: Scenario) -> None:
    """A negative has another vector, of length 1 too."""
    await alter(scenario, "x", turned=1)


async def negative_called_accepted(scenario: Scenario) -> None:
    """A negative says that it was accepted."""
    await alter(scenario, "x", review="accepted")


async def manifest_damaged(scenario: Scenario) -> None:
    """The manifest is gone; the issue, and the samples' points, are as they were."""
    await scenario.service.stores.blobs.delete(
        (await scenario.read_campaign()).version.snapshot_digest
    )


async def model_damaged(scenario: Scenario) -> None:
    """The scoring model is gone."""
    await scenario.service.stores.blobs.delete(
        (await scenario.read_campaign()).version.model_digest
    )


async def unbound(scenario: Scenario) -> None:
    """A commit with feedback died before it could bind its version."""
    service = scenario.service
    stores = service.with_stores(blobs=failing(service.stores.blobs, "put", at=2))
    with pytest.raises(Unavailable):
        await stores.commit_version(scenario.campaign, FakeReviews("n", "w"))
    [making] = await service.stores.ledger.scan("p", "making/", limit=2)
    await service.stores.blobs.delete(making.key.rpartition("/")[2])


MENDED: list[tuple[Tamper, FindingKind]] = [
    (accepted_missing, FindingKind.SNAPSHOT_POINTS),
    (negative_missing, FindingKind.SNAPSHOT_POINTS),
    (negative_altered, FindingKind.SNAPSHOT_POINTS),
    (negative_called_accepted, FindingKind.SNAPSHOT_POINTS),
    (manifest_damaged, FindingKind.BLOB_DAMAGED),
    (model_damaged, FindingKind.BLOB_DAMAGED),
    (unbound, FindingKind.SNAPSHOT_UNBOUND),
]


@pytest.mark.parametrize("later", [False, True])
async def test_versions_with_feedback_are_quiet(scenario: Scenario, later: bool) -> None:
    """Whatever becomes of issue and reviews, what versions took in is left alone."""
    service = scenario.service
    await service.commit_version(scenario.campaign)
    await service.add_frames(scenario.issue, "m", "x", seed=1)
    await service.commit_version(scenario.campaign, FakeReviews("p", "m y"))
    before = await state(scenario)
    assert [] == await examine(service, repair=True, later=later)
    assert before == await state(scenario)


@pytest.mark.parametrize(("tamper", "kind"), MENDED)
async def test_what_differs_is_named_and_mended(
    scenario: Scenario, tamper: Tamper, kind: FindingKind
) -> None:
    """It alone is named, and a repair brings back what was, from other versions where it must."""
    before = await state(scenario)
    await tamper(scenario)
    for repair, outcome in ((False, FindingOutcome.REPAIRABLE), (True, FindingOutcome.REPAIRED)):
        [found] = await examine(scenario.service, repair=repair)
        assert (kind, outcome) == (found.kind, found.outcome), found
    assert [] == await examine(scenario.service)
    assert before == await state(scenario)


@pytest.mark.parametrize("frame_id", ["q", "z"])
async def test_a_sample_of_no_other_version_is_lost(scenario: Scenario, frame_id: str) -> None:
    """The vector of a sample that only one version took in is said to be lost."""
    await alter(scenario, frame_id, turned=1)
    for repair in (False, True, False):
        [found] = await examine(scenario.service, repair=repair)
        assert (FindingKind.SNAPSHOT_POINTS, FindingOutcome.LOST) == (found.kind, found.outcome)
        assert "1 of them missing or others, 1 lost" == found.actual
