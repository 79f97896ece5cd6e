"""The doctor on versions with feedback: quiet if they are intact, and what it can repair."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from services.campaign import element_points
from services.campaign.records import ElementEntry
from services.doctor.findings import FindingKind, FindingOutcome
from services.vectors.interface import Points
from sluice.errors import Unavailable
from tests.unit.campaign.campaign_service import ELEMENTS, CampaignService
from tests.unit.campaign.doctor.examining import examine, read_state
from tests.unit.campaign.doctor.tampering import Scenario, create_scenario
from tests.unit.campaign.fake_reviews import FakeReviews
from tests.unit.campaign.faults import failing

Tampering = Callable[[Scenario], Awaitable[None]]


@pytest.fixture
async def scenario(service: CampaignService) -> Scenario:
    """A campaign whose two newest versions took in an accepted sample and a negative each."""
    scenario = await create_scenario(service)
    await service.commit_version(scenario.campaign, FakeReviews("m p", "x y"))
    await service.commit_version(scenario.campaign, FakeReviews("m q", "x z"))
    return scenario


async def read_member(scenario: Scenario, frame_id: str) -> tuple[str, Points]:
    """The tenant of the newest snapshot, and the point of a member of it."""
    digest = (await scenario.read_campaign()).version.snapshot_digest
    tenant = element_points.snapshot_tenant(scenario.campaign, digest)
    entry = ElementEntry(frame_id=frame_id, digest=b"")
    ids = [element_points.snapshot_point(scenario.campaign, digest, entry)]
    return tenant, await scenario.stores.vectors.retrieve(ELEMENTS, tenant, ids)


async def delete_member(scenario: Scenario, frame_id: str) -> None:
    """Delete a point of the newest snapshot."""
    tenant, stored = await read_member(scenario, frame_id)
    await scenario.stores.vectors.delete(ELEMENTS, tenant, stored.ids)


async def change_member(scenario: Scenario, frame_id: str, turned: int = 0, **payload: str) -> None:
    """Write a point of the newest snapshot with another vector, or with another payload."""
    tenant, stored = await read_member(scenario, frame_id)
    other = Points(stored.ids, np.roll(stored.vectors, turned), [{**stored.payloads[0], **payload}])
    await scenario.stores.vectors.write(ELEMENTS, tenant, other)


async def delete_accepted_sample(scenario: Scenario) -> None:
    """The point of an accepted sample is gone."""
    await delete_member(scenario, "m")


async def delete_negative(scenario: Scenario) -> None:
    """The point of a negative is gone."""
    await delete_member(scenario, "x")


async def change_negative(scenario: Scenario) -> None:
    """A negative has another vector, of length 1 too."""
    await change_member(scenario, "x", turned=1)


async def mark_negative_accepted(scenario: Scenario) -> None:
    """A negative says that it was accepted."""
    await change_member(scenario, "x", review="accepted")


async def delete_manifest(scenario: Scenario) -> None:
    """The manifest is gone; the issue, and the samples' points, are as they were."""
    await scenario.stores.blobs.delete((await scenario.read_campaign()).version.snapshot_digest)


async def delete_model(scenario: Scenario) -> None:
    """The scoring model is gone."""
    await scenario.stores.blobs.delete((await scenario.read_campaign()).version.model_digest)


async def crash_commit(scenario: Scenario) -> None:
    """A commit with feedback died before it could bind its version."""
    service = scenario.service
    stores = service.with_stores(blobs=failing(service.stores.blobs, "put", at=2))
    with pytest.raises(Unavailable):
        await stores.commit_version(scenario.campaign, FakeReviews("n", "w"))
    [pending_commit] = await service.stores.ledger.scan("p", "making/", limit=2)
    await service.stores.blobs.delete(pending_commit.key.rpartition("/")[2])


REPAIRABLE: list[tuple[Tampering, FindingKind]] = [
    (delete_accepted_sample, FindingKind.SNAPSHOT_POINTS),
    (delete_negative, FindingKind.SNAPSHOT_POINTS),
    (change_negative, FindingKind.SNAPSHOT_POINTS),
    (mark_negative_accepted, FindingKind.SNAPSHOT_POINTS),
    (delete_manifest, FindingKind.BLOB_DAMAGED),
    (delete_model, FindingKind.BLOB_DAMAGED),
    (crash_commit, FindingKind.SNAPSHOT_UNBOUND),
]


@pytest.mark.parametrize("later", [False, True])
async def test_versions_with_feedback_are_quiet(scenario: Scenario, later: bool) -> None:
    """Later changes of issue and reviews do not affect committed versions."""
    service = scenario.service
    await service.commit_version(scenario.campaign)
    await service.add_frames(scenario.issue, "m", "x", seed=1)
    await service.commit_version(scenario.campaign, FakeReviews("p", "m y"))
    before = await read_state(scenario)
    assert [] == await examine(service, repair=True, later=later)
    assert before == await read_state(scenario)


@pytest.mark.parametrize(("tamper", "kind"), REPAIRABLE)
async def test_a_difference_is_reported_and_repaired(
    scenario: Scenario, tamper: Tampering, kind: FindingKind
) -> None:
    """It alone is reported, and a repair restores it, from other versions if necessary."""
    before = await read_state(scenario)
    await tamper(scenario)
    for repair, outcome in ((False, FindingOutcome.REPAIRABLE), (True, FindingOutcome.REPAIRED)):
        [finding] = await examine(scenario.service, repair=repair)
        assert (kind, outcome) == (finding.kind, finding.outcome), finding
    assert [] == await examine(scenario.service)
    assert before == await read_state(scenario)


@pytest.mark.parametrize("frame_id", ["q", "z"])
async def test_a_sample_of_no_other_version_is_lost(scenario: Scenario, frame_id: str) -> None:
    """The vector of a sample that only one version took in is said to be lost."""
    await change_member(scenario, frame_id, turned=1)
    for repair in (False, True, False):
        [finding] = await examine(scenario.service, repair=repair)
        assert (FindingKind.SNAPSHOT_POINTS, FindingOutcome.LOST) == (finding.kind, finding.outcome)
        assert "1 of them missing or different, 1 lost" == finding.actual


async def test_a_model_that_cannot_be_rebuilt_is_committed_again(scenario: Scenario) -> None:
    """The finding for a lost model names the campaign to commit again."""
    version = (await scenario.read_campaign()).version
    for digest in (version.model_digest, version.basis_digest):
        await scenario.stores.blobs.delete(digest)

    findings = {finding.subject: finding for finding in await examine(scenario.service)}

    finding = findings[f"a scoring model, blob {version.model_digest}"]
    expected = f"missing or damaged, and cannot be rebuilt; commit {scenario.campaign} again"
    assert (expected, FindingOutcome.LOST) == (finding.actual, finding.outcome)
