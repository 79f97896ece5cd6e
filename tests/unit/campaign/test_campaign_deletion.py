"""A deleted campaign leaves its id, its counters, and versions without files."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from services.campaign.campaign_deletion import delete_campaign
from services.campaign.campaigns import get_campaign, set_active
from services.campaign.frame_deletion import purge_frames
from services.campaign.issue_deletion import delete_issue
from services.campaign.versions import get_version
from services.doctor.findings import FindingKind
from services.records.tombstones import DeletionCounts
from sluice.errors import Aborted, FailedPrecondition, NotFound, Unavailable
from sluice.names import CampaignName
from tests.unit.campaign.campaign_service import ELEMENTS, PROJECT, CampaignService, version_name
from tests.unit.campaign.doctor.examining import examine
from tests.unit.campaign.fake_reviews import FakeResourcePurges
from tests.unit.campaign.faults import failing


async def delete(
    service: CampaignService,
    name: CampaignName,
    etag: str = "",
    *,
    validate_only: bool = False,
    purges: FakeResourcePurges | None = None,
) -> DeletionCounts:
    """Delete a campaign."""
    purges = purges or FakeResourcePurges()
    return await delete_campaign(service.stores, purges, name, etag, validate_only=validate_only)


async def start_inactive(service: CampaignService) -> CampaignName:
    """An inactive campaign of two versions."""
    issue = await service.create_issue("a", "b")
    campaign, _ = await service.create_campaign(issue)
    await service.add_frames(issue, "c")
    await service.commit_version(campaign)
    await set_active(service.stores, campaign, active=False)
    return campaign


async def list_leftovers(service: CampaignService) -> list[str]:
    """The tenants of snapshots, and the blobs."""
    tenants = await service.stores.vectors.tenants(ELEMENTS)
    everything = datetime.now(UTC) + timedelta(hours=1)
    blobs = await service.stores.blobs.list_before(everything, after="", limit=1_000)
    return [*(tenant for tenant in tenants if "/snapshots/" in tenant), *blobs]


async def test_snapshots_and_files_are_deleted(service: CampaignService) -> None:
    """Nothing of its snapshots is left, versions can be read, and the doctor is quiet."""
    campaign = await start_inactive(service)
    before = await get_version(service.stores, version_name(campaign, 2))

    counts = await delete(service, campaign)

    assert DeletionCounts(members=5, samples=2) == counts
    with pytest.raises(NotFound):
        await get_campaign(service.stores, campaign)
    assert [] == await list_leftovers(service)
    version = await get_version(service.stores, version_name(campaign, 2))
    assert ("", (before.model_digest,)) == (version.model_digest, version.former_digests)
    for later in (False, True):
        assert [] == await examine(service, later=later)


async def test_files_of_other_campaigns_stay(service: CampaignService) -> None:
    """A campaign with the same elements has the same model, and keeps it."""
    issue = await service.create_issue("a", "b")
    campaign, _ = await service.create_campaign(issue)
    other, record = await service.create_campaign(issue)
    await set_active(service.stores, campaign, active=False)

    await delete(service, campaign)

    assert await service.stores.blobs.get(record.version.model_digest)
    assert 2 == len(await service.read_snapshot(other, record.version.snapshot_digest))
    assert [] == await examine(service)


async def test_the_answer_is_the_same_twice(service: CampaignService) -> None:
    """A preview changes nothing, and has the answer of the deletion and of its repetition."""
    campaign = await start_inactive(service)
    purges = FakeResourcePurges()

    preview = await delete(service, campaign, validate_only=True, purges=purges)
    await get_campaign(service.stores, campaign)
    assert [] == purges.purged

    answers = [await delete(service, campaign, purges=purges) for _ in range(2)]
    assert [preview, preview] == answers
    assert [campaign] == purges.purged


async def test_an_active_campaign_is_refused(service: CampaignService) -> None:
    """Only an inactive campaign is deleted, under its current etag."""
    issue = await service.create_issue("a")
    campaign, _ = await service.create_campaign(issue)

    with pytest.raises(FailedPrecondition, match="deactivate it first"):
        await delete(service, campaign)
    await set_active(service.stores, campaign, active=False)
    with pytest.raises(Aborted, match="etag"):
        await delete(service, campaign, "1")
    with pytest.raises(NotFound):
        await delete(service, CampaignName(PROJECT.project, "none"))

    await delete(service, campaign, (str((await get_campaign(service.stores, campaign)).etag)))
    await delete_issue(service.stores, issue, "")
    assert [] == await examine(service)


@pytest.mark.parametrize("store", ["ledger.commit", "vectors.delete_tenant", "blobs.delete_before"])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
async def test_the_doctor_completes_a_deletion(
    service: CampaignService, store: str, at: int
) -> None:
    """Wherever a deletion stops after its first step, the doctor reports and completes it."""
    campaign = await start_inactive(service)
    name, method = store.split(".")
    broken = service.with_stores(**{name: failing(getattr(service.stores, name), method, at=at)})
    with suppress(Unavailable):
        await delete(broken, campaign)
    assert [] == await examine(service, later=False)

    found = await examine(service, repair=True)

    assert {finding.kind for finding in found} <= {FindingKind.DELETION_UNFINISHED}
    assert [] == await examine(service)
    await delete(service, campaign)
    assert [] == await list_leftovers(service)


async def test_ingest_is_asked_again(service: CampaignService) -> None:
    """While ingest is away the deletion stays unfinished, and the same call completes it."""
    campaign = await start_inactive(service)
    purges = FakeResourcePurges(Unavailable("ingest is away"))
    with pytest.raises(Unavailable):
        await delete(service, campaign, purges=purges)

    await delete(service, campaign, purges=purges)

    assert [campaign] == purges.purged
    assert [] == await list_leftovers(service)


async def test_frames_of_a_deleted_campaign_can_be_deleted(service: CampaignService) -> None:
    """A deletion of frames passes over versions whose files are gone."""
    campaign = await start_inactive(service)
    await delete(service, campaign)

    counts = await purge_frames(service.stores, PROJECT, ["a"], validate_only=False)

    assert DeletionCounts(elements=1) == counts
    assert [] == await examine(service)
