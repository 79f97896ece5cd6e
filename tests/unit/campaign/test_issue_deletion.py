"""Deletion of issues: with all elements, unless a campaign is active."""

from __future__ import annotations

from contextlib import suppress

import pytest

from services.campaign.campaigns import set_active
from services.campaign.element_points import elements_collection, issue_tenant
from services.campaign.issue_deletion import delete_issue, find_tombstone
from services.campaign.issues import get_issue
from services.campaign.records import element_prefix
from services.records.tombstones import DeletionCounts
from sluice.errors import FailedPrecondition, NotFound, Unavailable
from sluice.names import IssueName
from tests.unit.campaign.campaign_service import (
    DIMENSION,
    MODEL_ID,
    CampaignService,
)
from tests.unit.campaign.faults import failing, overtaken


async def test_a_deleted_issue_leaves_nothing(service: CampaignService) -> None:
    """With an issue its elements go too, from the ledger and from the vector store."""
    name, other = await service.create_issue("a", "b"), await service.create_issue("a")

    await delete_issue(service.stores, name, str((await get_issue(service.stores, name)).etag))

    collection = elements_collection("p", MODEL_ID, DIMENSION)
    with pytest.raises(NotFound, match=str(name)):
        await get_issue(service.stores, name)
    assert [] == await service.stores.ledger.scan("p", element_prefix(name.issue), limit=1)
    assert 0 == await service.stores.vectors.count(collection, issue_tenant(name))
    assert 1 == await service.stores.vectors.count(collection, issue_tenant(other))


async def test_a_deletion_has_the_same_answer_again(service: CampaignService) -> None:
    """Preview, deletion and repetition count the elements; an unknown issue is named."""
    name = await service.create_issue("a", "b")

    preview = await delete_issue(service.stores, name, "", validate_only=True)
    assert 2 == (await get_issue(service.stores, name)).element_count
    answers = [await delete_issue(service.stores, name, "") for _ in range(2)]

    assert [DeletionCounts(elements=2)] * 3 == [preview, *answers]
    with pytest.raises(NotFound, match="issues/never"):
        await delete_issue(service.stores, IssueName("p", "never"), "")


async def test_a_deletion_that_crashed_is_completed_by_the_same_request(
    service: CampaignService,
) -> None:
    """Whichever write fails, the next request removes what is left."""
    for at in range(2, 5):
        name = await service.create_issue("a")
        ledger = failing(service.stores.ledger, "commit", at=at)
        with suppress(Unavailable):
            await delete_issue(service.with_stores(ledger=ledger).stores, name, "")

        assert DeletionCounts(elements=1) == await delete_issue(service.stores, name, "")

        tombstone = await find_tombstone(service.stores, name)
        assert tombstone is not None
        assert tombstone.done
        assert [] == await service.stores.ledger.scan("p", element_prefix(name.issue), limit=1)


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
