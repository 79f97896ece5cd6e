"""A dataset is removed once no issue has it, and its id is not used again."""

from __future__ import annotations

import pytest

from services.campaign.dataset_deletion import remove_dataset
from services.campaign.datasets import create_dataset, get_dataset
from services.campaign.elements import add_elements
from services.campaign.issue_deletion import delete_issue
from services.campaign.issues import create_issue, get_issue
from sluice.errors import AlreadyExists, FailedPrecondition, NotFound
from sluice.labels import TaskType
from sluice.names import IssueName
from tests.unit.campaign.campaign_service import (
    DATASET,
    ONCE,
    PROJECT,
    CampaignService,
    make_box,
    make_candidate,
    make_candidate_set,
)
from tests.unit.campaign.faults import overtaken


async def test_a_dataset_without_issues_is_removed(service: CampaignService) -> None:
    """Record and label ids are gone, its id is refused, and a repetition changes nothing."""
    issue = await service.create_issue()
    labelled = make_candidate_set([make_candidate("a", "", make_box("l1"))])
    await add_elements(service.stores, issue, labelled)
    with pytest.raises(FailedPrecondition, match=str(issue)):
        await remove_dataset(service.stores, DATASET, validate_only=False)
    await delete_issue(service.stores, issue, "")

    await remove_dataset(service.stores, DATASET, validate_only=True)
    await get_dataset(service.stores, DATASET)
    for _ in range(2):
        await remove_dataset(service.stores, DATASET, validate_only=False)

    with pytest.raises(NotFound):
        await get_dataset(service.stores, DATASET)
    assert [] == await service.stores.ledger.scan(PROJECT.project, "label/", limit=1)
    with pytest.raises(AlreadyExists, match="'d' was deleted"):
        await create_dataset(service.stores, ONCE, DATASET, "", TaskType.BOX_2D, [])


async def test_an_issue_that_is_created_meanwhile_counts(service: CampaignService) -> None:
    """Of an issue and the removal of its dataset, one is refused."""
    creation = create_issue(service.stores, ONCE, PROJECT, "night", DATASET)
    slow = service.with_stores(ledger=overtaken(service.stores.ledger, "commit", creation))
    with pytest.raises(FailedPrecondition):
        await remove_dataset(slow.stores, DATASET, validate_only=False)

    [entry] = await service.stores.ledger.scan(PROJECT.project, "issue/", limit=2)
    issue = IssueName(PROJECT.project, entry.key.rpartition("/")[2])
    await delete_issue(service.stores, issue, "")
    removal = remove_dataset(service.stores, DATASET, validate_only=False)
    slow = service.with_stores(ledger=overtaken(service.stores.ledger, "commit", removal))
    with pytest.raises(NotFound):
        await create_issue(slow.stores, ONCE, PROJECT, "night", DATASET)
    with pytest.raises(NotFound):
        await get_issue(service.stores, issue)
