"""Deletion of issues: with all elements, unless a campaign is active."""

from __future__ import annotations

import pytest

from services.campaign.campaigns import set_active
from services.campaign.element_points import elements_collection, issue_tenant
from services.campaign.issue_deletion import delete_issue
from services.campaign.issues import get_issue
from services.campaign.records import element_prefix
from sluice.errors import FailedPrecondition, NotFound
from tests.unit.campaign.campaign_service import (
    DIMENSION,
    MODEL_ID,
    CampaignService,
)
from tests.unit.campaign.faults import overtaken


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
