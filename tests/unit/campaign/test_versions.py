"""Versions: reading them, and counting the changes since the newest."""

from __future__ import annotations

import pytest

from services.campaign import versions as versions_module
from services.campaign.campaigns import (
    get_campaign,
    set_active,
)
from services.campaign.elements import remove_elements
from services.campaign.issue_deletion import delete_issue
from services.campaign.issues import rename_issue
from services.campaign.versions import (
    PendingChanges,
    find_pending_changes,
    get_version,
    list_versions,
)
from sluice.errors import (
    NotFound,
)
from sluice.names import CampaignName, VersionName
from tests.unit.campaign.campaign_service import (
    CampaignService,
    make_page,
)
from tests.unit.campaign.fake_reviews import FakeReviews


async def test_versions_are_listed_newest_first(service: CampaignService) -> None:
    """Pages of versions go from the newest down to 1, past the number of digits."""
    campaign, _ = await service.create_campaign(await service.create_issue("a"))
    for _ in range(10):
        await service.commit_version(campaign)

    seen, token = [], ""
    while True:
        stored, token = await list_versions(service.stores, campaign, make_page(4, token))
        seen += [version.number for version in stored]
        if not token:
            break

    assert list(range(11, 0, -1)) == seen


@pytest.mark.parametrize("number", ["0", "2", "01", "-1", "1.0", "x", "٣", "9" * 40])
async def test_only_committed_versions_are_found(service: CampaignService, number: str) -> None:
    """A version that was never committed, or is not spelt as its number is, is not found."""
    campaign, _ = await service.create_campaign(await service.create_issue("a"))

    with pytest.raises(NotFound, match="versions/"):
        await get_version(service.stores, VersionName("p", campaign.campaign, number))


async def read_changes(service: CampaignService, name: CampaignName) -> PendingChanges:
    """What a new version of the campaign would change."""
    return await find_pending_changes(service.stores, "p", await get_campaign(service.stores, name))


async def test_changes_since_the_version_are_counted(service: CampaignService) -> None:
    """Elements added and removed are counted; a replaced one is both, one put back is neither."""
    issue = await service.create_issue("a", "b", "c")
    name, _ = await service.create_campaign(issue)
    assert PendingChanges(0, 0, commit_adds_background=False) == await read_changes(service, name)

    await service.add_frames(issue, "d", "e")
    await remove_elements(service.stores, issue, [("a", "")])
    assert PendingChanges(2, 1, commit_adds_background=False) == await read_changes(service, name)

    await service.add_frames(issue, "b", seed=1)
    assert PendingChanges(3, 2, commit_adds_background=False) == await read_changes(service, name)

    await service.add_frames(issue, "a")
    assert PendingChanges(3, 1, commit_adds_background=False) == await read_changes(service, name)

    await service.commit_version(name)
    assert PendingChanges(0, 0, commit_adds_background=False) == await read_changes(service, name)


async def test_an_unchanged_issue_is_not_read(
    service: CampaignService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as the elements are those of the version, none of them is read."""
    issue = await service.create_issue("a")
    name, _ = await service.create_campaign(issue)
    await rename_issue(service.stores, issue, "rain", "")

    monkeypatch.delattr(versions_module, "read_elements")

    assert PendingChanges(0, 0, commit_adds_background=False) == await read_changes(service, name)


async def test_of_a_deleted_issue_all_is_removed(service: CampaignService) -> None:
    """When its issue is deleted, all elements count as removed."""
    issue = await service.create_issue("a", "b")
    name, _ = await service.create_campaign(issue)
    await set_active(service.stores, name, active=False)
    await delete_issue(service.stores, issue, "")

    assert PendingChanges(0, 2, commit_adds_background=False) == await read_changes(service, name)
    assert (await set_active(service.stores, name, active=True)).active


async def test_a_campaign_says_when_a_background_would_help(service: CampaignService) -> None:
    """Made without a background, it says so once there is one, until the next commit."""
    name, _ = await service.create_campaign(await service.create_issue("a"))
    before = await read_changes(service, name)
    await service.set_background()
    meanwhile = await read_changes(service, name)
    await service.commit_version(name)

    assert [False, True, False] == [
        changes.commit_adds_background
        for changes in (before, meanwhile, await read_changes(service, name))
    ]


async def test_samples_are_no_change_of_the_issue(service: CampaignService) -> None:
    """GetCampaign counts what changed in the issue, and not what a version took in beside it."""
    issue = await service.create_issue("a", "b")
    campaign, _ = await service.create_campaign(issue)
    await service.commit_version(campaign, FakeReviews("c", "x"))

    async def read_changes() -> PendingChanges:
        return await find_pending_changes(
            service.stores, "p", await get_campaign(service.stores, campaign)
        )

    assert PendingChanges(0, 0, False) == await read_changes()
    await service.add_frames(issue, "c", "d")
    await remove_elements(service.stores, issue, [("a", "")])
    assert PendingChanges(2, 1, False) == await read_changes()
    await set_active(service.stores, campaign, active=False)
    await delete_issue(service.stores, issue, "")
    assert PendingChanges(0, 2, False) == await read_changes()
