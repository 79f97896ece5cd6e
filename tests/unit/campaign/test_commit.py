"""Commits: the parts of a version, and failures and races on the way to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256
from uuid import UUID, uuid4

import pytest

from services.campaign.active_campaigns import read_active_campaigns
from services.campaign.campaigns import CampaignTerms, get_campaign, set_active, update_campaign
from services.campaign.commit import commit_version, create_campaign
from services.campaign.elements import remove_elements
from services.campaign.issue_deletion import delete_issue
from services.campaign.version_files import VersionFile, read_version_file
from services.campaign.versions import get_version, list_versions
from services.records.idempotency import IdempotentRequest
from sluice.errors import (
    Aborted,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Unavailable,
)
from sluice.names import CampaignName, IssueName, ProjectName
from tests.unit.campaign.campaign_service import (
    ALL,
    DIMENSION,
    MODEL_ID,
    ONCE,
    PROJECT,
    CampaignService,
    version_name,
)
from tests.unit.campaign.faults import Gate, InterceptedStore, failing, overtaken


async def test_a_campaign_starts_with_version_1(service: CampaignService) -> None:
    """A new campaign is active, has its issue's name, and scores a snapshot of the issue."""
    issue = await service.create_issue("a", "b")
    name, created = await service.create_campaign(issue)

    assert name.campaign == str(UUID(name.campaign))
    assert (True, "night", issue.issue) == (created.active, created.display_name, created.issue)
    assert (1, 2, MODEL_ID, DIMENSION, "") == (
        created.version.number,
        created.version.element_count,
        created.version.model_id,
        created.version.dimension,
        created.version.basis_digest,
    )
    assert created == await get_campaign(service.stores, name)
    assert created.version == await get_version(service.stores, version_name(name, 1))


async def test_a_campaign_has_the_terms_it_is_given(service: CampaignService) -> None:
    """Display name and threshold of a new campaign are those that were asked for."""
    terms = CampaignTerms(display_name="Nights", threshold=0.25)

    created = await create_campaign(
        service.stores, ONCE, PROJECT, await service.create_issue("a"), terms
    )

    assert ("Nights", 0.25) == (created.display_name, created.threshold)


async def test_a_commit_is_the_next_version(service: CampaignService) -> None:
    """A commit makes the next version, which is then the one that is scored."""
    issue = await service.create_issue("a")
    campaign, created = await service.create_campaign(issue)
    await service.add_frames(issue, "b")

    version = await service.commit_version(campaign)
    (scored,) = (await read_active_campaigns(service.stores.ledger, "p")).campaigns

    assert (2, 2) == (version.number, version.element_count)
    assert version == scored.version == (await get_campaign(service.stores, campaign)).version
    assert created.etag != scored.etag


async def test_a_commit_leaves_an_inactive_campaign_inactive(service: CampaignService) -> None:
    """Committing makes a version, and does not start to collect."""
    campaign, _ = await service.create_campaign(await service.create_issue("a"))
    await set_active(service.stores, campaign, active=False)

    version = await service.commit_version(campaign)
    stored = await get_campaign(service.stores, campaign)

    assert (False, version) == (stored.active, stored.version)


async def test_a_background_is_used_from_the_next_commit_on(service: CampaignService) -> None:
    """A version made without background stays so; the next one names the basis of its space."""
    issue = await service.create_issue("a", "b")
    campaign, _ = await service.create_campaign(issue)
    await service.set_background()

    version = await service.commit_version(campaign)
    basis = await read_version_file(service.stores, version_name(campaign, 2), VersionFile.BASIS)

    assert "" == (await get_version(service.stores, version_name(campaign, 1))).basis_digest
    assert sha256(basis).hexdigest() == version.basis_digest
    with pytest.raises(NotFound, match="versions/1 has no basis"):
        await read_version_file(service.stores, version_name(campaign, 1), VersionFile.BASIS)


async def test_of_two_commits_at_once_one_is_aborted(service: CampaignService) -> None:
    """A commit that is overtaken by another one, at the last moment, changes nothing."""
    issue = await service.create_issue("a")
    campaign, _ = await service.create_campaign(issue)
    gate = Gate()

    async def wait(real: Callable[..., Awaitable[str]], content: bytes) -> str:
        digest = await real(content)
        if digest not in {manifest}:
            await gate.pass_through()  # its model is written, and not yet bound
        return digest

    await service.add_frames(issue, "b")
    manifest = (await service.commit_version(campaign)).snapshot_digest
    await service.set_background()
    slow = service.with_stores(blobs=InterceptedStore(service.stores.blobs, "put", wait))

    loser = asyncio.create_task(slow.commit_version(campaign))
    await gate.reached.wait()
    winner = await service.commit_version(campaign)
    gate.opened.set()

    with pytest.raises(Aborted, match=str(campaign)):
        await loser
    assert winner == (await get_campaign(service.stores, campaign)).version
    assert 3 == winner.number


async def test_an_old_etag_commits_nothing(service: CampaignService) -> None:
    """A commit under an etag that the campaign has no more is refused."""
    campaign, created = await service.create_campaign(await service.create_issue("a"))
    await update_campaign(service.stores, campaign, CampaignTerms(threshold=1), ["threshold"], "")

    with pytest.raises(Aborted, match="etag: "):
        await commit_version(service.stores, ONCE, campaign, str(created.etag))
    current = str((await get_campaign(service.stores, campaign)).etag)

    assert 2 == (await commit_version(service.stores, ONCE, campaign, current)).number


async def test_a_request_sent_again_commits_once(service: CampaignService) -> None:
    """CreateCampaign and CommitVersion under one request id happen once."""
    issue = await service.create_issue("a")
    creation = IdempotentRequest.of("CreateCampaign", str(uuid4()), b"c")
    created = await create_campaign(service.stores, creation, PROJECT, issue, CampaignTerms())
    campaign = CampaignName("p", created.id)
    commit = IdempotentRequest.of("CommitVersion", str(uuid4()), b"v")
    version = await commit_version(service.stores, commit, campaign, str(created.etag))

    assert created == await create_campaign(
        service.stores, creation, PROJECT, issue, CampaignTerms()
    )
    assert version == await commit_version(service.stores, commit, campaign, str(created.etag))
    assert 2 == (await get_campaign(service.stores, campaign)).version.number


@pytest.mark.parametrize(
    ("store", "method", "at"),
    [
        ("vectors", "retrieve", 1),
        ("blobs", "put", 1),
        ("vectors", "write", 1),
        ("vectors", "retrieve", 2),
        ("blobs", "get", 1),
        ("blobs", "put", 2),
        ("ledger", "commit", 1),
    ],
    ids=["reading", "manifest", "points", "reading back", "basis", "model", "binding"],
)
async def test_a_commit_that_dies_changes_nothing(
    service: CampaignService, store: str, method: str, at: int
) -> None:
    """Wherever a commit stops, the campaign stays on its version, and the next one succeeds."""
    issue = await service.create_issue("a")
    campaign, created = await service.create_campaign(issue)
    await service.set_background()
    await service.add_frames(issue, "b")
    before = await read_active_campaigns(service.stores.ledger, "p")
    broken = service.with_stores(**{store: failing(getattr(service.stores, store), method, at=at)})

    with pytest.raises(Unavailable, match="as the test wants"):
        await broken.commit_version(campaign)

    assert before == await read_active_campaigns(service.stores.ledger, "p")
    assert created == await get_campaign(service.stores, campaign)
    assert ([created.version], "") == await list_versions(service.stores, campaign, ALL)
    assert 2 == (await service.commit_version(campaign)).number


async def test_a_creation_that_dies_leaves_no_campaign(service: CampaignService) -> None:
    """A campaign whose first version is never bound does not exist."""
    issue = await service.create_issue("a")

    with pytest.raises(Unavailable):
        await service.with_stores(blobs=failing(service.stores.blobs, "put", at=2)).create_campaign(
            issue
        )

    assert () == (await read_active_campaigns(service.stores.ledger, "p")).campaigns
    await delete_issue(service.stores, issue, "")


async def test_an_empty_issue_has_no_versions(service: CampaignService) -> None:
    """Neither a campaign nor a version is made of an issue without elements."""
    issue = await service.create_issue()
    with pytest.raises(FailedPrecondition, match=f"{issue} has no elements"):
        await service.create_campaign(issue)

    await service.add_frames(issue, "a")
    campaign, _ = await service.create_campaign(issue)
    await remove_elements(service.stores, issue, [("a", "")])
    with pytest.raises(FailedPrecondition, match=f"{issue} has no elements"):
        await service.commit_version(campaign)


async def test_a_campaign_needs_an_issue_of_its_project(service: CampaignService) -> None:
    """An unknown issue is not found, one of another project is refused; so is a deleted one."""
    with pytest.raises(NotFound, match="projects/p/issues/none"):
        await service.create_campaign(IssueName("p", "none"))
    with pytest.raises(InvalidArgument, match=r"campaign\.issue: 'projects/q/issues/i'"):
        await service.create_campaign(IssueName("q", "i"))
    with pytest.raises(NotFound, match="projects/q does not exist"):
        await create_campaign(
            service.stores, ONCE, ProjectName("q"), IssueName("q", "i"), CampaignTerms()
        )


async def test_a_campaign_of_a_deleted_issue_is_never_bound(service: CampaignService) -> None:
    """An issue deleted while a campaign of it is being made wins: no campaign is left over."""
    issue = await service.create_issue("a")
    deletion = delete_issue(service.stores, issue, "")
    late = service.with_stores(ledger=overtaken(service.stores.ledger, "commit", deletion))

    with pytest.raises(NotFound, match=str(issue)):
        await late.create_campaign(issue)

    assert () == (await read_active_campaigns(service.stores.ledger, "p")).campaigns


async def test_two_campaigns_of_one_issue_at_once(service: CampaignService) -> None:
    """Campaigns of one issue that are made at once are both there, and both keep the issue."""
    issue = await service.create_issue("a")

    (first, _), (second, _) = await asyncio.gather(
        service.create_campaign(issue), service.create_campaign(issue)
    )

    with pytest.raises(FailedPrecondition) as raised:
        await delete_issue(service.stores, issue, "")
    assert str(first) in raised.value.message
    assert str(second) in raised.value.message
