"""Issues: created, renamed and listed."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from services.campaign.issue_deletion import delete_issue
from services.campaign.issues import create_issue, get_issue, list_issues, rename_issue
from services.records.idempotency import IdempotentRequest
from sluice.errors import Aborted, InvalidArgument, NotFound
from sluice.names import DatasetName, IssueName
from tests.unit.campaign.campaign_service import (
    ALL,
    DATASET,
    ONCE,
    PROJECT,
    CampaignService,
    make_page,
)


async def test_an_issue_has_a_uuid(service: CampaignService) -> None:
    """A new issue is named by a UUID and has no elements."""
    created = await create_issue(service.stores, ONCE, PROJECT, "night", DATASET)

    assert created.id == str(UUID(created.id))
    assert ("night", "d", 0) == (created.display_name, created.dataset, created.element_count)
    assert created == await get_issue(service.stores, IssueName("p", created.id))


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
    request = IdempotentRequest.of("CreateIssue", str(uuid4()), b"night")

    first = await create_issue(service.stores, request, PROJECT, "night", DATASET)
    await rename_issue(service.stores, IssueName("p", first.id), "rain", "")
    again = await create_issue(service.stores, request, PROJECT, "night", DATASET)

    assert first == again
    assert 1 == len((await list_issues(service.stores, PROJECT, ALL))[0])


async def test_pages_hold_every_issue_once(service: CampaignService) -> None:
    """Issues are listed by name, and no page repeats or leaves out one."""
    created = sorted([(await service.create_issue()).issue for _ in range(5)])

    seen, token = [], ""
    while True:
        stored, token = await list_issues(service.stores, PROJECT, make_page(2, token))
        seen += [issue.id for issue in stored]
        if not token:
            break

    assert created == seen


async def test_every_change_has_an_etag(service: CampaignService) -> None:
    """Renaming and adding elements change the etag; an old one is refused and nothing happens."""
    name = await service.create_issue()
    created = await get_issue(service.stores, name)
    renamed = await rename_issue(service.stores, name, "rain", str(created.etag))
    added = await service.add_frames(name, "a")

    assert 3 == len({created.etag, renamed.etag, added.issue.etag})
    for etag in (created.etag, renamed.etag, "nonsense"):
        with pytest.raises(Aborted, match=f"etag: .*{name}"):
            await rename_issue(service.stores, name, "snow", str(etag))
        with pytest.raises(Aborted, match=f"etag: .*{name}"):
            await delete_issue(service.stores, name, str(etag))
    assert added.issue == await get_issue(service.stores, name)
