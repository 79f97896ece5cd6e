"""Issues: created, renamed, and deleted with all that is in them."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from services.campaign.campaigns import set_active
from services.campaign.element_points import elements_collection, issue_tenant
from services.campaign.issue_deletion import delete_issue
from services.campaign.issues import create_issue, get_issue, list_issues, rename_issue
from services.campaign.records import element_prefix
from services.records.idempotency import IdempotentRequest
from sluice.errors import Aborted, FailedPrecondition, InvalidArgument, NotFound
from sluice.names import DatasetName, IssueName
from tests.unit.campaign.campaign_service import (
    ALL,
    DATASET,
    DIMENSION,
    MODEL_ID,
    ONCE,
    PROJECT,
    CampaignService,
    make_page,
)
from tests.unit.campaign.faults import overtaken


async def test_an_issue_has_a_uuid(service: CampaignService) -> None:
    """A new issue is named by a UUID and has no elements."""
    made = await create_issue(service.stores, ONCE, PROJECT, "night", DATASET)

    assert made.id == str(UUID(made.id))
    assert ("night", "d", 0) == (made.display_name, made.dataset, made.element_count)
    assert made == await get_issue(service.stores, IssueName("p", made.id))


@pytest.mark.parametrize("display_name", ["", "n" * 257])
async def test_an_issue_has_a_display_name(service: CampaignService, display_name: str) -> None:
    """An issue is called something, in at most 256 bytes, when made and when renamed."""
    issue = await service.create_issue()

    with pytest.raises(InvalidArgument, match=r"issue\.display_name: .*256"):
        await create_issue(service.stores, ONCE, PROJECT, display_name, DATASET)
    with pytest.raises(InvalidArgument, match=r"issue\.display_name: .*256"):
        await rename_issue(service.stores, issue, display_name, "")


async def test_an_issue_needs_a_dataset_of_its_project(service: CampaignService) -> None:
    """An unknown dataset is not found, one of another project is refused."""
    with pytest.raises(NotFound, match="projects/p/datasets/none"):
        await create_issue(service.stores, ONCE, PROJECT, "night", DatasetName("p", "none"))
    with pytest.raises(InvalidArgument, match=r"issue\.dataset: 'projects/q/datasets/d'"):
        await create_issue(service.stores, ONCE, PROJECT, "night", DatasetName("q", "d"))

    assert ([], "") == await list_issues(service.stores, PROJECT, ALL)


async def test_the_first_response_is_repeated(service: CampaignService) -> None:
    """A request sent again gets the issue as it was made, whatever has become of it."""
    once = IdempotentRequest.of("CreateIssue", str(uuid4()), b"night")

    first = await create_issue(service.stores, once, PROJECT, "night", DATASET)
    await rename_issue(service.stores, IssueName("p", first.id), "rain", "")
    again = await create_issue(service.stores, once, PROJECT, "night", DATASET)

    assert first == again
    assert 1 == len((await list_issues(service.stores, PROJECT, ALL))[0])


async def test_pages_hold_every_issue_once(service: CampaignService) -> None:
    """Issues are listed by name, and no page repeats or leaves out one."""
    made = sorted([(await service.create_issue()).issue for _ in range(5)])

    seen, token = [], ""
    while True:
        found, token = await list_issues(service.stores, PROJECT, make_page(2, token))
        seen += [issue.id for issue in found]
        if not token:
            break

    assert made == seen


async def test_every_change_has_an_etag(service: CampaignService) -> None:
    """Renaming and adding elements change the etag; an old one is refused and nothing happens."""
    name = await service.create_issue()
    made = await get_issue(service.stores, name)
    renamed = await rename_issue(service.stores, name, "rain", str(made.etag))
    added = await service.add_frames(name, "a")

    assert 3 == len({made.etag, renamed.etag, added.issue.etag})
    for etag in (made.etag, renamed.etag, "nonsense"):
        with pytest.raises(Aborted, match=f"etag: .*{name}"):
            await rename_issue(service.stores, name, "snow", str(etag))
        with pytest.raises(Aborted, match=f"etag: .*{name}"):
            await delete_issue(service.stores, name, str(etag))
    assert added.issue == await get_issue(service.stores, name)


async def test_a_deleted_issue_leaves_nothing(service: CampaignService) -> None:
    """With an issue its elements go too, from the ledger and from the vector store."""
    name, other = await service.create_issue("a", "b"), await service.create_issue("a")

    await delete_issue(service.stores, name, str((await get_issue(service.stores, name)).etag))

    collection = elements_collection("p", MODEL_ID, DIMENSION)
    with pytest.raises(NotFound, match=str(name)):
        await get_issue(service.stores, name)
    with pytest.raises(NotFound, match=str(name)):
        await delete_issue(service.stores, name, "")
    assert [] == await service.stores.ledger.scan("p", element_prefix(name.issue), limit=1)
    assert 0 == await service.stores.vectors.count(collection, issue_tenant(name))
    assert 1 == await service.stores.vectors.count(collection, issue_tenant(other))


async def test_an_active_campaign_keeps_its_issue(service: CampaignService) -> None:
    """An issue is deleted only when no campaign of it is active; those that are, are named."""
    issue = await service.create_issue("a")
    first, _ = await service.create_campaign(issue)
    second, _ = await service.create_campaign(issue)
    await set_active(service.stores, first, active=False)

    with pytest.raises(FailedPrecondition) as raised:
        await delete_issue(service.stores, issue, "")
    await set_active(service.stores, second, active=False)
    await delete_issue(service.stores, issue, "")

    assert str(second) in raised.value.message
    assert str(first) not in raised.value.message
    with pytest.raises(NotFound):
        await get_issue(service.stores, issue)


async def test_a_campaign_activated_meanwhile_keeps_its_issue(service: CampaignService) -> None:
    """An activation that is faster than the deletion of its issue wins."""
    issue = await service.create_issue("a")
    campaign, _ = await service.create_campaign(issue)
    await set_active(service.stores, campaign, active=False)
    activation = set_active(service.stores, campaign, active=True)
    late = service.with_stores(ledger=overtaken(service.stores.ledger, "commit", activation))

    with pytest.raises(FailedPrecondition, match=str(campaign)):
        await delete_issue(late.stores, issue, "")

    assert 1 == (await get_issue(service.stores, issue)).element_count
